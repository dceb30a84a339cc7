-- From Pleroma 2.7 back to 2.6. Reconstructed from Rebased 2.6.50, a descendant of 2.6, without what only that has; no
-- server of this release was seen.

drop table bookmark_folders cascade;
drop table rich_media_card cascade;
alter table oban_jobs drop constraint "non_negative_priority";
drop index "announcement_read_relationships_announcement_id_index";
drop index "bookmarks_activity_id_index";
drop index "bookmarks_folder_id_index";
drop index "chats_recipient_index";
drop index "mfa_tokens_authorization_id_index";
drop index "mfa_tokens_user_id_index";
drop index "notifications_activity_id_index";
drop index "oauth_authorizations_app_id_index";
drop index "oauth_authorizations_user_id_index";
drop index "password_reset_tokens_user_id_index";
drop index "push_subscriptions_token_id_index";
drop index "report_notes_activity_id_index";
drop index "report_notes_user_id_index";
drop index "user_notes_target_id_index";
alter table backups drop column tempdir cascade;
alter table backups add column state integer default 5;
alter table backups add column processed_number integer default 0;
alter table bookmarks drop column folder_id cascade;
alter table rules drop column hint cascade;
alter table oban_jobs add constraint "priority_range" check (((priority >= 0) AND (priority <= 3)));

delete from schema_migrations where version > 20230504173400;
comment on table oban_jobs is '11';

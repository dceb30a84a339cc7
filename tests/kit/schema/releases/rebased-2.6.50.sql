-- From Pleroma 2.7 to Rebased 2.6.50, a descendant of 2.6. Made from the catalogue of a database that the release's own
-- migrations made.

alter type notification_type add value 'pleroma:participation_accepted';
alter type notification_type add value 'pleroma:participation_request';
alter type notification_type add value 'pleroma:event_reminder';
alter type notification_type add value 'pleroma:event_update';
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
alter table users add column accepts_email_list boolean default false;
alter table users add column location character varying(255);
alter table users add column last_move_at timestamp(0) without time zone;
create table webhooks (
    id bigserial,
    url character varying(255) not null,
    events character varying(255)[] default ARRAY[]::character varying[] not null,
    secret character varying(255) default ''::character varying not null,
    enabled boolean default true not null,
    inserted_at timestamp(0) without time zone not null,
    updated_at timestamp(0) without time zone not null,
    internal boolean default false not null
);
alter table webhooks add constraint "webhooks_pkey" primary key (id);
alter table oban_jobs add constraint "priority_range" check (((priority >= 0) AND (priority <= 3)));
create index activities_assigned_account_index on activities using btree (((data ->> 'assigned_account'::text)));
create index objects_events on objects using btree (((data ->> 'type'::text))) where ((data ->> 'type'::text) = 'Event'::text);
create unique index webhooks_url_index on webhooks using btree (url);

delete from schema_migrations;
insert into schema_migrations (version, inserted_at) values
    (20220624104914, now()), (20220927220033, now()), (20221029171353, now()), (20221207235104, now());
comment on table oban_jobs is '11';

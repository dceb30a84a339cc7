-- From Akkoma 3.15 back to 3.13. Made from the catalogue of a database that the release's own migrations made.

drop table signing_keys cascade;
alter table oban_jobs drop constraint "non_negative_priority";
alter table instances add column has_request_signatures boolean default false not null;
alter table user_frontend_setting_profiles alter column inserted_at type timestamp(0) without time zone using inserted_at::timestamp(0) without time zone;
alter table user_frontend_setting_profiles alter column updated_at type timestamp(0) without time zone using updated_at::timestamp(0) without time zone;
alter table users add column keys text;
alter table users add column ap_enabled boolean default false not null;
alter table users add column public_key text;
alter table users add column accepts_chat_messages boolean;
alter table oban_jobs add constraint "priority_range" check (((priority >= 0) AND (priority <= 3)));

comment on table oban_jobs is '11';

-- From Pleroma 2.2 to 2.4.5. Made from the catalogue of a database that the release's own migrations made.

alter type notification_type add value 'pleroma:report';
alter type oban_job_state add value 'cancelled';
drop table oban_beats cascade;
drop index "oban_jobs_queue_state_priority_scheduled_at_id_index";
drop index "users_deactivated_index";
alter table oban_jobs add column meta jsonb default '{}'::jsonb;
alter table oban_jobs add column cancelled_at timestamp without time zone;
alter table oban_jobs alter column tags type text[] using tags::text[];
alter table oban_jobs alter column tags set default ARRAY[]::text[];
alter table users drop column confirmation_pending cascade;
alter table users drop column deactivated cascade;
alter table users drop column unread_conversation_count cascade;
alter table users drop column pinned_activities cascade;
alter table users drop column discoverable cascade;
alter table users drop column approval_pending cascade;
alter table users add column is_confirmed boolean default true not null;
alter table users add column is_active boolean default true not null;
alter table users add column is_discoverable boolean default false not null;
alter table users add column is_approved boolean default true not null;
alter table users add column last_active_at timestamp(0) without time zone;
alter table users add column pinned_objects jsonb;
alter table users add column featured_address character varying(255);
alter table users add column disclose_client boolean default true;
alter table users alter column notification_settings set not null;
create table backups (
    id bigserial,
    user_id uuid,
    file_name character varying(255) not null,
    content_type character varying(255) not null,
    processed boolean default false not null,
    file_size bigint,
    inserted_at timestamp(0) without time zone not null,
    updated_at timestamp(0) without time zone not null
);
create table data_migration_failed_ids (
    data_migration_id bigint not null,
    record_id bigint not null
);
create table data_migrations (
    id bigserial,
    name character varying(255) not null,
    state integer default 1,
    feature_lock boolean default false,
    params jsonb default '{}'::jsonb,
    data jsonb default '{}'::jsonb,
    inserted_at timestamp(0) without time zone not null,
    updated_at timestamp(0) without time zone not null
);
create table hashtags (
    id bigserial,
    name text not null,
    inserted_at timestamp(0) without time zone not null,
    updated_at timestamp(0) without time zone not null
);
create table hashtags_objects (
    hashtag_id bigint not null,
    object_id bigint not null
);
alter table backups add constraint "backups_pkey" primary key (id);
alter table data_migration_failed_ids add constraint "data_migration_failed_ids_pkey" primary key (data_migration_id, record_id);
alter table data_migrations add constraint "data_migrations_pkey" primary key (id);
alter table hashtags add constraint "hashtags_pkey" primary key (id);
alter table hashtags_objects add constraint "hashtags_objects_pkey" primary key (hashtag_id, object_id);
alter table backups add constraint "backups_user_id_fkey" foreign key (user_id) references users(id) on delete cascade;
alter table data_migration_failed_ids add constraint "data_migration_failed_ids_data_migration_id_fkey" foreign key (data_migration_id) references data_migrations(id);
alter table hashtags_objects add constraint "hashtags_objects_hashtag_id_fkey" foreign key (hashtag_id) references hashtags(id);
alter table hashtags_objects add constraint "hashtags_objects_object_id_fkey" foreign key (object_id) references objects(id) on delete cascade;
create index backups_user_id_index on backups using btree (user_id);
create unique index data_migration_failed_ids_data_migration_id_record_id_index on data_migration_failed_ids using btree (data_migration_id, record_id);
create unique index data_migrations_name_index on data_migrations using btree (name);
create unique index hashtags_name_index on hashtags using btree (name);
create index hashtags_objects_object_id_index on hashtags_objects using btree (object_id);
create index oban_jobs_state_queue_priority_scheduled_at_id_index on oban_jobs using btree (state, queue, priority, scheduled_at, id);
create index unread_conversation_participation_count_index on conversation_participations using btree (user_id) where (read = false);
create index users_featured_address_index on users using btree (featured_address);
create index users_is_active_index on users using btree (is_active);
create index users_last_active_at_index on users using btree (last_active_at);

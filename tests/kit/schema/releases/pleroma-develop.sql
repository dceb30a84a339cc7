-- From Pleroma 2.10.2 to its development branch of September 2026. Reconstructed from the list of migrations; no server of
-- it was seen.

alter table users add column indexable boolean default true not null;
create table retention_cursors (
    name character varying(255) not null,
    position uuid not null,
    inserted_at timestamp(0) without time zone not null,
    updated_at timestamp(0) without time zone not null
);
alter table retention_cursors add constraint "retention_cursors_pkey" primary key (name);
create index objects_tombstone_updated_at_index on objects using btree (updated_at, id) where ((data ->> 'type'::text) = 'Tombstone'::text);
create index users_directory_id_index on users using btree (id desc nulls last) where ((is_discoverable = true) and (invisible = false));
create index users_directory_last_status_at_index on users using btree (last_status_at desc nulls last, id desc nulls last) where ((is_discoverable = true) and (invisible = false));

insert into schema_migrations (version, inserted_at) values
    (20260123213700, now()), (20260423092014, now()), (20260824214955, now()), (20260902000000, now()),
    (20260924000000, now());

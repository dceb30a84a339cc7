-- From Pleroma 2.9 to 2.10.2. Reconstructed from the list of migrations; no server of this release was seen.

create index activities_actor_type_index on activities using btree (actor, ((data ->> 'type'::text)));
alter table lists add column exclusive boolean default false;

insert into schema_migrations (version, inserted_at) values
    (20250314153704, now()), (20260218000000, now()), (20260401185429, now());

-- From Akkoma 3.17 to 3.18 (2026.03). Reconstructed from the list of migrations, as far as ostrakon's statements go; no
-- server of this release was seen.

alter table conversation_participations add column last_bump uuid not null;
create index conversation_participations_user_id_last_bump_index
    on conversation_participations using btree (user_id, last_bump);
create index activities_type_index on activities using btree (((data ->> 'type'::text)));

insert into schema_migrations (version, inserted_at) values
    (20251227000000, now()), (20251227000002, now()), (20260111000010, now());

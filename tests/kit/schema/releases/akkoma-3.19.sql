-- From Akkoma 3.18 to 3.19 (2026.05). Reconstructed from the list of migrations, as far as ostrakon's statements go; no
-- server of this release was seen.

alter table users drop column skip_thread_containment;
drop function thread_visibility;
drop index activities_visibility_index;
drop function activity_visibility;
alter table lists drop column ap_id;
alter table lists add column exclusive boolean default false;

insert into schema_migrations (version, inserted_at) values
    (20260404000010, now()), (20260404000011, now()), (20260404000020, now()), (20260406000010, now());

-- From Akkoma 3.19 to 3.20 (2026.08). Reconstructed from the list of migrations, as far as ostrakon's statements go; no
-- server of this release was seen.

create unique index users_casefolded_nickname_index on users using btree (lower((nickname)::text));
drop index users_nickname_index;
alter table users add column outbox text;
alter type oban_job_state add value 'suspended' before 'scheduled';
comment on table oban_jobs is '14';

insert into schema_migrations (version, inserted_at) values
    (20260425000200, now()), (20260425000300, now()), (20260702000100, now()), (20260723000100, now());

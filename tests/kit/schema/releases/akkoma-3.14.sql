-- From Akkoma 3.15 back to 3.14 (2025.01). Reconstructed from the list of migrations; no server of this release was seen.

alter table signing_keys alter column public_key drop not null;
alter table signing_keys alter column user_id drop not null;
drop index signing_keys_user_id_index;
create index signing_keys_user_id_index on signing_keys using btree (user_id);
alter table oban_jobs drop constraint "non_negative_priority";
alter table oban_jobs add constraint "priority_range" check (((priority >= 0) AND (priority <= 3)));
alter table instances add column has_request_signatures boolean default false not null;
alter table users add column keys text;
alter table users add column ap_enabled boolean default false not null;
alter table users add column public_key text;

delete from schema_migrations where version > 20241126093029;
comment on table oban_jobs is '11';

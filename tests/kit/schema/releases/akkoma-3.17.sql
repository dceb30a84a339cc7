-- From Akkoma 3.16 to 3.17 (2025.12). Reconstructed from the list of migrations, as far as ostrakon's statements go; no
-- server of this release was seen.

drop trigger status_visibility_counter_cache_trigger on activities;
drop function update_status_visibility_counter_cache();
drop table counter_cache;
drop index users_email_index;
create unique index users_email_index on users using btree (email) where local;
create index users_where_suggested_index on users using btree (id) where is_suggested;

insert into schema_migrations (version, inserted_at) values (20251109000000, now()), (20251117000000, now());

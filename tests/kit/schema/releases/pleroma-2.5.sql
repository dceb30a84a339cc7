-- From Pleroma 2.6 back to 2.5. Reconstructed from the list of migrations, as far as ostrakon's statements go; no server of
-- this release was seen.

drop index objects_quote_url;
alter table users add column ap_enabled boolean default false not null;

delete from schema_migrations;

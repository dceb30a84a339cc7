-- From Akkoma 3.14 back to 3.13. Made from the catalogue of a database that the release's own migrations made.

drop table signing_keys cascade;
alter table user_frontend_setting_profiles alter column inserted_at type timestamp(0) without time zone using inserted_at::timestamp(0) without time zone;
alter table user_frontend_setting_profiles alter column updated_at type timestamp(0) without time zone using updated_at::timestamp(0) without time zone;

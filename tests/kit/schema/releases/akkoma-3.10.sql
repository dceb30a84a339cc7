-- From Akkoma 3.13 back to 3.10. Made from the catalogue of a database that the release's own migrations made.

drop table rich_media_card cascade;
create index activities_cc_index on activities using gin (((data -> 'cc'::text)));
create index activities_in_reply_to on activities using btree ((((data -> 'object'::text) ->> 'inReplyTo'::text)));
create index activities_likes on activities using gin (((data #> '{object,likes}'::text[])));
create index activities_to_index on activities using gin (((data -> 'to'::text)));
create index apps_client_id_client_secret_index on apps using btree (client_id, client_secret);
create index apps_user_id_index on apps using btree (user_id);
create index objects_likes on objects using gin (((data -> 'likes'::text)));
create unique index user_frontend_setting_profiles_user_id_frontend_name_profile_na on user_frontend_setting_profiles using btree (user_id, frontend_name, profile_name);
create index users_featured_address_index on users using btree (featured_address);
create index users_following_address_index on users using btree (following_address);
create index users_invisible_index on users using btree (invisible);
create index users_last_status_at_index on users using btree (last_status_at);
create index users_tags_index on users using gin (tags);

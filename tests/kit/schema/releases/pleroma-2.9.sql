-- From Pleroma 2.7 to 2.9.1. Made from the catalogue of a database that the release's own migrations made.

create table user_follows_hashtag (
    id bigserial,
    hashtag_id bigint,
    user_id uuid
);
alter table user_follows_hashtag add constraint "user_follows_hashtag_pkey" primary key (id);
alter table user_follows_hashtag add constraint "user_follows_hashtag_hashtag_id_fkey" foreign key (hashtag_id) references hashtags(id);
alter table user_follows_hashtag add constraint "user_follows_hashtag_user_id_fkey" foreign key (user_id) references users(id) on delete cascade;
create index user_follows_hashtag_hashtag_id_index on user_follows_hashtag using btree (hashtag_id);
create unique index user_follows_hashtag_user_id_hashtag_id_index on user_follows_hashtag using btree (user_id, hashtag_id);

insert into schema_migrations (version, inserted_at) values (20221203232118, now()), (20240904142434, now());

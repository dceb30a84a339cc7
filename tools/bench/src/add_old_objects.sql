-- $1: number of old posts of 50 other servers. Each has about 1 KB, 3 of 10 have a hashtag, 2 of 10 answer
-- another one.
with author as materialized (
    select row_number() over (order by id) - 1 as place, ap_id from users where not local order by id limit 50
), added as (
    insert into objects (data, inserted_at, updated_at)
    select jsonb_build_object(
               'id', author.ap_id || '/old/' || n, 'type', 'Note', 'actor', author.ap_id,
               'to', jsonb_build_array('https://www.w3.org/ns/activitystreams#Public'),
               'cc', jsonb_build_array(author.ap_id || '/followers'),
               'context', author.ap_id || '/contexts/' || n / 3,
               'content', repeat(md5(n::text) || ' ', 20), 'likes', '[]'::jsonb, 'like_count', 0)
           || case when n % 5 = 0 then jsonb_build_object('inReplyTo', author.ap_id || '/old/' || n - 50) else '{}' end,
           moment, moment
    from generate_series(1, $1) as n
    join author on author.place = n % 50,
         lateral (select now() at time zone 'UTC' - make_interval(days => 100 + n % 1000) as moment) as at
    returning id
), tag as (
    insert into hashtags (name, inserted_at, updated_at)
    select 'old' || n, now(), now() from generate_series(1, 1000) n
    returning id
), numbered as (
    select id, row_number() over (order by id) as place from tag
)
insert into hashtags_objects (hashtag_id, object_id)
select numbered.id, added.id from added join numbered on numbered.place = 1 + added.id % 1000 where added.id % 10 < 3

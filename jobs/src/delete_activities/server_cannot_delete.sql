-- $1: Creates, $2: their author. Those with a hashtag that somebody follows and that no post of anybody
-- else is seen to use: the server deletes the hashtag with its last post, and fails, because the foreign key does not
-- cascade. At most 1,000 uses of each hashtag are checked, so that a common one costs no more.
with tagged as materialized (
    select a.id, used.hashtag_id
    from public.activities a
    join public.objects o on o.data ->> 'id' = a.data ->> 'object'
    join public.hashtags_objects used on used.object_id = o.id
    where a.id = any ($1)
), kept_by_others as materialized (
    select hashtag_id from (select distinct hashtag_id from tagged) as hashtag
    where not exists (
        select from public.user_follows_hashtag followed where followed.hashtag_id = hashtag.hashtag_id
    ) or exists (
        select from (
            select used.object_id from public.hashtags_objects used
            where used.hashtag_id = hashtag.hashtag_id limit 1000
        ) as used
        join public.objects o on o.id = used.object_id
        where o.data ->> 'actor' is distinct from $2
    )
)
select distinct id from tagged where hashtag_id not in (select hashtag_id from kept_by_others)

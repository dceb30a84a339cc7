-- $1: actor, $2: last activity. What there is to delete, per kind.
select count(*) filter (where data ->> 'type' = 'Create') as posts,
       count(*) filter (where data ->> 'type' = 'Like') as likes,
       count(*) filter (where data ->> 'type' = 'Announce') as boosts
from public.activities
-- `is true`: use the index on the account, not that on ids, which would read all activities up to this one.
where actor = $1 and (id <= $2) is true

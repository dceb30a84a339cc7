-- $1: accounts to switch, $2: whether inactive followers count. Locks them, their local followers and the local accounts they follow,
-- in the order of ids, and returns which of them are local followers.
with follower as (
    select distinct r.follower_id as id
    from public.following_relationships r
    join public.users u on u.id = r.follower_id
    where r.following_id = any ($1) and r.state = 2 and u.local
      and u.nickname is not null and u.nickname not like 'internal.%' and ($2 or u.is_active)
), followed as (
    select r.following_id as id
    from public.following_relationships r
    join public.users u on u.id = r.following_id
    where r.follower_id = any ($1) and r.state = 2 and u.local and u.is_active
), affected as (
    select unnest($1::uuid[]) as id union select id from follower union select id from followed
)
select u.id, exists (select from follower f where f.id = u.id) as follower
from affected
join public.users u on u.id = affected.id
order by u.id
for no key update of u

-- Counts relations to active local accounts, and the active accounts that have any, by host. $1: whether relations of
-- inactive accounts are dealt with.
select lower(substring(u.nickname::text from '@([^@]+)$')), count(*), count(distinct u.id) filter (where u.is_active)
from public.following_relationships r
join public.users friend on friend.id = r.following_id
join public.users u on u.id = r.follower_id
where r.state = 2 and ($1 or u.is_active) and u.nickname::text ~ '@[^@]+$'
  and friend.local and friend.is_active
  and friend.nickname is not null and friend.nickname not like 'internal.%'
group by 1

-- Counts relations of local accounts to active accounts, by the host of the latter. $1: whether inactive followers
-- count.
select lower(substring(u.nickname::text from '@([^@]+)$')), count(*)
from public.following_relationships r
join public.users f on f.id = r.follower_id
join public.users u on u.id = r.following_id
where r.state = 2 and f.local and ($1 or f.is_active) and u.is_active and u.nickname::text ~ '@[^@]+$'
group by 1

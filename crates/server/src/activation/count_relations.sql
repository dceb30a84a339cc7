-- $1: accounts. Counts their accepted relations to active local accounts.
select count(*)
from public.following_relationships r
join public.users u on u.id = r.following_id
where r.follower_id = any ($1) and r.state = 2
  and u.local and u.is_active
  and u.nickname is not null and u.nickname not like 'internal.%'

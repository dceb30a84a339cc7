-- $1: accounts. Removes their accepted relations to active local accounts.
delete from public.following_relationships r
using public.users u
where r.follower_id = any ($1) and r.state = 2
  and u.id = r.following_id and u.local and u.is_active
  and u.nickname is not null and u.nickname not like 'internal.%'
returning r.follower_id, r.following_id

-- $1: accounts. Counts the active local accounts that follow any of them.
select count(distinct r.follower_id)
from public.following_relationships r,
     lateral (select local, is_active as active from public.users where id = r.follower_id offset 0) f
where r.following_id = any ($1) and r.state = 2 and f.local and f.active

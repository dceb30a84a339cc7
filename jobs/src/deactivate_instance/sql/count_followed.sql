-- Counts relations of local accounts to these accounts. $1: accounts, $2: whether inactive followers count.
select count(*)
from public.following_relationships r,
     lateral (select local, is_active as active from public.users where id = r.follower_id offset 0) f
where r.following_id = any ($1) and r.state = 2 and f.local and ($2 or f.active)

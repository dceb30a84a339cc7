-- Subtracts accounts from the counters of their local followers; returns these followers. $1: accounts that were just
-- deactivated, $2: whether inactive followers count.
with lost as (
    select r.follower_id as id, count(*) as accounts
    from public.following_relationships r,
         lateral (select local, is_active as active from public.users where id = r.follower_id offset 0) f
    where r.following_id = any ($1) and r.state = 2 and f.local and ($2 or f.active)
    group by r.follower_id
)
update public.users u
set following_count = greatest(0, u.following_count - lost.accounts),
    updated_at = date_trunc('second', timezone('UTC', now()))
from lost
where u.id = lost.id and u.following_count > 0
returning u.id

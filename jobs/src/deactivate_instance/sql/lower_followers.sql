-- Subtracts lost followers from counters. $1: accounts, $2: how many followers each has lost.
update public.users u
set follower_count = greatest(0, u.follower_count - lost.accounts),
    updated_at = date_trunc('second', timezone('UTC', now()))
from unnest($1::uuid[], $2::bigint[]) as lost (id, accounts)
where u.id = lost.id and u.local and u.follower_count > 0
returning u.id

-- $1: accounts. Counts the active accounts that each local one of them follows.
with counted as (
    select account.id, (
        select count(*)
        from public.following_relationships r
        join public.users u on u.id = r.following_id
        where r.follower_id = account.id and r.state = 2 and u.id <> account.id
          and u.is_active and u.nickname is not null and u.nickname not like 'internal.%'
    ) as following
    from (select distinct unnest($1::uuid[]) as id) account
)
update public.users u
set following_count = counted.following, updated_at = date_trunc('second', timezone('UTC', now()))
from counted
where u.id = counted.id and u.local and u.following_count <> counted.following
returning u.id

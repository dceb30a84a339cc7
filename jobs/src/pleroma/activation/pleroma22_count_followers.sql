-- $1: accounts. Counts the active accounts that follow each local one of them.
with counted as (
    select account.id, (
        select count(*)
        from public.following_relationships r
        join public.users u on u.id = r.follower_id
        where r.following_id = account.id and r.state = 2 and u.id <> account.id
          and not u.deactivated and u.nickname is not null and u.nickname not like 'internal.%'
    ) as followers
    from (select distinct unnest($1::uuid[]) as id) account
)
update public.users u
set follower_count = counted.followers, updated_at = date_trunc('second', timezone('UTC', now()))
from counted
where u.id = counted.id and u.local and u.follower_count <> counted.followers
returning u.id

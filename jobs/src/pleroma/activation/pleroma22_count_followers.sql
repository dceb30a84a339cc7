-- $1: accounts. Counts the active accounts that follow each local one of them.
-- `offset 0`: those at the other end are looked up by their ids, as many as there are, whatever PostgreSQL believes.
with counted as (
    select account.id, (
        select count(*)
        from public.following_relationships r,
             lateral (select id, nickname, deactivated from public.users where id = r.follower_id offset 0) u
        where r.following_id = account.id and r.state = 2 and u.id <> account.id
          and not u.deactivated and u.nickname is not null and u.nickname not like 'internal.%'
    ) as followers
    from public.users account
    where account.id = any ($1) and account.local
)
update public.users u
set follower_count = counted.followers, updated_at = date_trunc('second', timezone('UTC', now()))
from counted
where u.id = counted.id and u.follower_count <> counted.followers
returning u.id

-- $1: accounts. Counts the active accounts that follow each local one of them.
-- Accounts at the other end are looked up together, each once and in the order of their ids: this takes two thirds of
-- the time of one lookup per relation. `array`: by their ids, as many as there are, whatever PostgreSQL estimates.
with account as materialized (
    select id from public.users where id = any ($1) and local
), relation as materialized (
    select following_id as account, follower_id as other
    from public.following_relationships
    where following_id = any (array(select id from account)) and state = 2 and following_id <> follower_id
), other as materialized (
    select id from public.users
    where id = any (array(select distinct other from relation))
      and is_active and nickname is not null and nickname not like 'internal.%'
), counted as (
    select account as id, sum(number) as followers
    from (select id as account, 0 as number from account
          union all
          select relation.account, 1 from relation join other on other.id = relation.other) as each
    group by account
)
update public.users u
set follower_count = counted.followers, updated_at = date_trunc('second', timezone('UTC', now()))
from counted
where u.id = counted.id and u.follower_count <> counted.followers
returning u.id

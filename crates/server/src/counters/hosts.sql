-- Hosts whose row in counter_cache is wrong: by how much, and what the row says. $1: maximum number of hosts; `found` is
-- the number of all of them. One statement: what the server commits meanwhile is in both numbers or in none.
with counted as materialized (
  select split_part(a.actor, '/', 3) as instance,
         public.activity_visibility(a.actor, a.recipients, a.data) as visibility, count(*) as number
  from public.activities a
  where a.data ->> 'type' = 'Create'
  group by 1, 2
), should as (
  select instance,
         coalesce(sum(number) filter (where visibility = 'public'), 0)::bigint as public,
         coalesce(sum(number) filter (where visibility = 'unlisted'), 0)::bigint as unlisted,
         coalesce(sum(number) filter (where visibility = 'private'), 0)::bigint as private,
         coalesce(sum(number) filter (where visibility = 'direct'), 0)::bigint as direct
  from counted
  -- Creates of an unknown visibility have no column, and a host without any other has no row.
  where visibility <> 'unknown'
  group by instance
), both_numbers as (
  select instance::text,
         coalesce(c.public, 0)::bigint as public, coalesce(c.unlisted, 0)::bigint as unlisted,
         coalesce(c.private, 0)::bigint as private, coalesce(c.direct, 0)::bigint as direct,
         coalesce(s.public, 0) as public_counted, coalesce(s.unlisted, 0) as unlisted_counted,
         coalesce(s.private, 0) as private_counted, coalesce(s.direct, 0) as direct_counted
  from public.counter_cache c full join should s using (instance)
)
select *, count(*) over () as found
from both_numbers
where (public, unlisted, private, direct) <> (public_counted, unlisted_counted, private_counted, direct_counted)
order by instance collate "C"
limit $1

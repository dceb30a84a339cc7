-- The active local accounts that follow somebody of a listed host, and the follow relations between these hosts and
-- active local accounts, both ways. $1: names of hosts, $2: position in the list of each.
with listed as materialized (
    select names.position, u.id
    from unnest($1::text[], $2::int4[]) as names (host, position)
    join public.users u on lower(substring(u.nickname::text from '@([^@]+)$')) = names.host
),
people as materialized (
    select id from public.users
    where local and is_active and nickname is not null and nickname not like 'internal.%'
),
following as (
    select listed.position, count(distinct people.id) as followers, count(*) as relations
    from listed
    join public.following_relationships r on r.following_id = listed.id
    join people on people.id = r.follower_id
    where r.state = 2
    group by 1
),
followed as (
    select listed.position, count(*) as relations
    from listed
    join public.following_relationships r on r.follower_id = listed.id
    join people on people.id = r.following_id
    where r.state = 2
    group by 1
)
select position, coalesce(following.followers, 0),
       coalesce(following.relations, 0) + coalesce(followed.relations, 0)
from following full join followed using (position)

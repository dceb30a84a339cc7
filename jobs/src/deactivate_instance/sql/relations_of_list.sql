-- What accounts of listed hosts have to do with local accounts, by position in the list. $1: names of hosts,
-- $2: position in the list of each, $3: whether inactive local accounts count as followers, $4: whether relations of
-- inactive accounts are dealt with.
with listed as materialized (
    select names.position, u.id, u.active
    from (select id, is_active as active, lower(reverse(split_part(reverse(nickname::text), '@', 1))) as host
          from public.users
          where position('@' in nickname::text) > 0) u
    join unnest($1::text[], $2::int4[]) as names (host, position) on names.host = u.host
),
locals as materialized (
    select id, is_active as active, nickname is not null and nickname not like 'internal.%' as person
    from public.users
    where local
),
following as (
    select position, count(*) filter (where active and person) as followers,
           sum(relations) filter (where active and person) as relations,
           sum(to_active) filter (where $3 or active) as followed
    from (select listed.position, locals.id, locals.active, locals.person, count(*) as relations,
                 count(*) filter (where listed.active) as to_active
          from listed
          join public.following_relationships r on r.following_id = listed.id
          join locals on locals.id = r.follower_id
          where r.state = 2
          group by 1, 2, 3, 4) by_follower
    group by 1
),
followed as (
    select position, sum(relations) as relations, sum(relations) filter (where $4 or active) as ended,
           count(*) filter (where active) as reloads
    from (select listed.position, listed.id, listed.active, count(*) as relations
          from listed
          join public.following_relationships r on r.follower_id = listed.id
          join locals on locals.id = r.following_id
          where r.state = 2 and locals.active and locals.person
          group by 1, 2, 3) by_account
    group by 1
)
select position, coalesce(followers, 0) as followers,
       (coalesce(following.relations, 0) + coalesce(followed.relations, 0))::bigint as relations,
       coalesce(following.followed, 0)::bigint as followed, coalesce(ended, 0)::bigint as ended,
       coalesce(reloads, 0) as reloads
from following full join followed using (position)

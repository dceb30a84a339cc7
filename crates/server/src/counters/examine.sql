-- Counters of active local accounts in the order of their ids: as their rows have them, and counted. $1: after this
-- account, $2: up to this one, $3: maximum number, $4: these accounts only, if given, $5: the public and the local-public
-- address. One statement: what the server commits meanwhile is in both numbers or in none.
with account as materialized (
  select id, nickname::text, ap_id, note_count::bigint as notes, follower_count::bigint as followers,
         following_count::bigint as following
  from public.users
  where local and is_active and nickname is not null and nickname not like 'internal.%'
    and id > $1 and id <= $2 and ($4::uuid[] is null or id = any ($4))
  order by id
  limit $3)
select account.id, account.nickname, account.notes, account.followers, account.following,
       -- Public posts: those whose deletion lowers the counter (docs/semantics.md 1.2.7). An object is looked up by its id
       -- for each post: `bool_or` keeps PostgreSQL from joining the whole tables, the comparison of the type as JSON
       -- from an index of all posts.
       (select count(*) from public.activities a
        where a.actor = account.ap_id and a.data -> 'type' = '"Create"'::jsonb
          and (select bool_or(o.data -> 'directMessage' is distinct from 'true'::jsonb
                   and o.data -> 'type' is distinct from '"Tombstone"'::jsonb
                   and ((jsonb_typeof(o.data -> 'to') <> 'object' and o.data -> 'to' ?| $5)
                     or (jsonb_typeof(o.data -> 'cc') <> 'object' and o.data -> 'cc' ?| $5)
                     or (jsonb_typeof(o.data -> 'bto') <> 'object' and o.data -> 'bto' ?| $5)
                     or (jsonb_typeof(o.data -> 'bcc') <> 'object' and o.data -> 'bcc' ?| $5)))
               from public.objects o where o.data ->> 'id' = public.associated_object_id(a.data)))
         as notes_counted,
       -- Active accounts that follow it, and that it follows (docs/semantics.md 3.3).
       (select count(*) from public.following_relationships r
        join public.users u on u.id = r.follower_id
        where r.following_id = account.id and r.state = 2 and r.follower_id <> account.id
          and u.is_active and u.nickname is not null and u.nickname not like 'internal.%') as followers_counted,
       (select count(*) from public.following_relationships r
        join public.users u on u.id = r.following_id
        where r.follower_id = account.id and r.state = 2 and r.following_id <> account.id
          and u.is_active and u.nickname is not null and u.nickname not like 'internal.%') as following_counted
from account
order by account.id

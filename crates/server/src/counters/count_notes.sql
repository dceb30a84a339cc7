-- $1: accounts, $2: their ActivityPub ids, $3: the public and the local-public address. Number of public posts of each:
-- those whose deletion lowers the counter (docs/semantics.md 1.2.7). An object is looked up by its id for each post:
-- `bool_or` keeps PostgreSQL from joining the whole tables, the comparison of the type as JSON from an index of all posts.
select given.id,
       (select count(*) from public.activities a
        where a.actor = given.ap_id and a.data -> 'type' = '"Create"'::jsonb
          and (select bool_or(o.data -> 'directMessage' is distinct from 'true'::jsonb
                   and o.data -> 'type' is distinct from '"Tombstone"'::jsonb
                   and ((jsonb_typeof(o.data -> 'to') <> 'object' and o.data -> 'to' ?| $3)
                     or (jsonb_typeof(o.data -> 'cc') <> 'object' and o.data -> 'cc' ?| $3)
                     or (jsonb_typeof(o.data -> 'bto') <> 'object' and o.data -> 'bto' ?| $3)
                     or (jsonb_typeof(o.data -> 'bcc') <> 'object' and o.data -> 'bcc' ?| $3)))
               from public.objects o where o.data ->> 'id' = public.associated_object_id(a.data)))
from unnest($1::uuid[], $2::text[]) as given (id, ap_id)

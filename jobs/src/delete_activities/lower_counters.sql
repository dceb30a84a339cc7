-- $1: objects, $2: replies lost, $3: quotes lost. A missing counter becomes 0, as on the server
-- (GREATEST passes over NULL). Tombstones have no counters.
update public.objects o
set data = o.data
    || case when lost.replies = 0 then '{}' else jsonb_build_object(
           'repliesCount', greatest(0, (o.data ->> 'repliesCount')::int - lost.replies)) end
    || case when lost.quotes = 0 then '{}' else jsonb_build_object(
           'quotesCount', greatest(0, (o.data ->> 'quotesCount')::int - lost.quotes)) end
from unnest($1::text[], $2::int[], $3::int[]) as lost (id, replies, quotes)
where o.data ->> 'id' = lost.id and o.data ->> 'type' is distinct from 'Tombstone'

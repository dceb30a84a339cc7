-- $1: objects, $2 and $3: what their counters of replies and quotes were lowered to. Locks those where one is higher.
select o.id
from public.objects o
where o.id = any (array(
    select lowered.id
    from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as lowered (id, replies, quotes)
    join public.objects o on o.id = lowered.id
    where o.data ->> 'type' is distinct from 'Tombstone'
      and (case when jsonb_typeof(o.data -> 'repliesCount') = 'number'
                then (o.data ->> 'repliesCount')::numeric > lowered.replies end
           or case when jsonb_typeof(o.data -> 'quotesCount') = 'number'
                   then (o.data ->> 'quotesCount')::numeric > lowered.quotes end)))
order by o.id
for update

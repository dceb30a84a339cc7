-- $1: objects whose counters the run lowered. Locks those where one is higher than that leaves it.
select o.id
from public.objects o
where o.id = any (array(
    select o.id
    from kenoma.lowered_counters lowered
    join public.objects o on o.id = lowered.object
    where lowered.run_id = current_setting('kenoma.run_id') and lowered.object = any ($1)
      and o.data ->> 'type' is distinct from 'Tombstone'
      and (case when jsonb_typeof(o.data -> 'repliesCount') = 'number'
                then (o.data ->> 'repliesCount')::numeric > greatest(0, replies_before - replies_lost) end
           or case when jsonb_typeof(o.data -> 'quotesCount') = 'number'
                   then (o.data ->> 'quotesCount')::numeric > greatest(0, quotes_before - quotes_lost) end)))
order by o.id
for update

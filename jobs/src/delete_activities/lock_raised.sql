-- $1: objects whose counters the run lowered. Locks those where one is higher than that leaves it.
-- `offset 0`: look up notes and objects by their ids, however few notes PostgreSQL estimates.
select o.id
from public.objects o
where o.id = any (array(
    select given.object
    from unnest($1::bigint[]) as given (object),
         lateral (select * from ostrakon.lowered_counters
                  where object = given.object and run_id = current_setting('ostrakon.run_id') offset 0) as lowered,
         lateral (select data from public.objects where id = given.object offset 0) as o
    where o.data ->> 'type' is distinct from 'Tombstone'
      and (case when jsonb_typeof(o.data -> 'repliesCount') = 'number'
                then (o.data ->> 'repliesCount')::numeric > greatest(0, replies_before - replies_lost) end
           or case when jsonb_typeof(o.data -> 'quotesCount') = 'number'
                   then (o.data ->> 'quotesCount')::numeric > greatest(0, quotes_before - quotes_lost) end)))
order by o.id
for update

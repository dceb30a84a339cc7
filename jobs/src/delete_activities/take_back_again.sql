-- $1: such objects, $2: account. Keeps it where it has a like or boost by now.
update public.objects o
set data = o.data || taken.data, updated_at = date_trunc('second', timezone('UTC', now()))
from (select o.id, jsonb_object_agg(list.name, list.actors)
                   || jsonb_object_agg(list.counter, jsonb_array_length(list.actors)) as data
      from public.objects o,
           lateral (
               select name, counter, kind, (o.data -> name) - $2 as actors
               from (values ('likes', 'like_count', 'Like'),
                            ('announcements', 'announcement_count', 'Announce'))
                        as list (name, counter, kind)
               where jsonb_typeof(o.data -> name) = 'array' and o.data -> name ? $2
           ) as list
      where o.id = any ($1)
        and not exists (select from public.activities a
                        where a.actor = $2 and a.data ->> 'type' = list.kind and public.associated_object_id(a.data) = o.data ->> 'id')
      group by o.id) as taken
where o.id = taken.id

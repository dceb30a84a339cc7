-- Messages in chats with actors ($1), in order. $2: after this object, $3: maximum number, $4: ids that stay. There need
-- not be an index on the recipient: a pass over all chats.
with named as materialized (
    select c.id from public.chats c join unnest($1::text[]) as given (actor) on given.actor = c.recipient
)
select distinct r.object_id
from named, lateral (select object_id from public.chat_message_references
                     where chat_id = named.id and object_id > $2 offset 0) r
where not exists (select from public.objects o where o.id = r.object_id and o.data ->> 'id' = any ($4))
order by r.object_id limit $3

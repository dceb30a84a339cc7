-- What decides how objects are removed. $1: their rows, or $3: their ActivityPub ids; $2: the public and the local-public
-- address.
select o.id as row, o.data ->> 'id' as ap_id,
       case when jsonb_typeof(o.data -> 'actor') = 'string' then o.data ->> 'actor' end as actor,
       case when jsonb_typeof(o.data -> 'type') = 'string' then left(o.data ->> 'type', 64) else '' end as kind,
       case when jsonb_typeof(o.data -> 'inReplyTo') = 'string' then o.data ->> 'inReplyTo' end as replied,
       case when jsonb_typeof(o.data -> 'quoteUrl') = 'string' then o.data ->> 'quoteUrl' end as quoted,
       case when o.data ->> 'type' = 'Answer' then left(o.data ->> 'name', 1000) end as option,
       left(o.data ->> 'context', 255) as context,
       (o.data -> 'directMessage' is distinct from 'true'::jsonb
           and ((jsonb_typeof(o.data -> 'to') <> 'object' and o.data -> 'to' ?| $2)
             or (jsonb_typeof(o.data -> 'cc') <> 'object' and o.data -> 'cc' ?| $2)
             or (jsonb_typeof(o.data -> 'bto') <> 'object' and o.data -> 'bto' ?| $2)
             or (jsonb_typeof(o.data -> 'bcc') <> 'object' and o.data -> 'bcc' ?| $2))) is true as public
from (select found.id from public.objects found where found.id = any ($1)
      union
      select found.id from public.objects found where found.data ->> 'id' = any ($3)) as given,
     lateral (select * from public.objects where id = given.id offset 0) o

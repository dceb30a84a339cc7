-- $1: objects and activities that are removed; $2: maximum number. Everything about them except reports.
select a.id, a.actor::text as actor, coalesce(a.data ->> 'type', '') as kind, a.data ->> 'id' as ap_id,
       public.associated_object_id(a.data) as object, left(a.data ->> 'context', 255) as context
from public.activities a
where public.associated_object_id(a.data) = any ($1) and a.data ->> 'type' is distinct from 'Flag'
limit $2

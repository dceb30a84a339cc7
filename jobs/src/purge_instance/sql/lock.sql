-- $1: ActivityPub ids of objects. Locks their rows in order.
select o.id, o.data ->> 'id' as ap_id from public.objects o where o.data ->> 'id' = any ($1) order by o.id for update

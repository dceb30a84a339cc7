-- $1: objects that were deleted. Those with a Create came back in the server's own way.
select count(*) from public.objects o
where o.id = any ($1) and o.data ->> 'type' is distinct from 'Tombstone'
  and not exists (select from public.activities a where public.associated_object_id(a.data) = o.data ->> 'id' and a.data ->> 'type' = 'Create')

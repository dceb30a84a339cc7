-- $1: deleted objects. All activities that were written about one since.
delete from public.activities a where public.associated_object_id(a.data) = any ($1) and a.data ->> 'type' not in ('Create', 'Delete')

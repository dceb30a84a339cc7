-- $1: objects, $2: maximum number. All activities about them, except those that delete them.
select a.id, a.data ->> 'type' = 'Create' as post from public.activities a
where public.associated_object_id(a.data) = any ($1) and a.data ->> 'type' <> 'Delete' limit $2

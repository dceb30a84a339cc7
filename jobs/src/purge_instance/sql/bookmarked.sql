-- Posts of actors ($1) that anybody has bookmarked: their ids. A pass over all bookmarks.
with named as materialized (
    select distinct activity_id from public.bookmarks
)
select distinct public.associated_object_id(a.data)
from named, lateral (select a.data, a.actor from public.activities a where a.id = named.activity_id offset 0) a
where a.actor = any ($1) and a.data ->> 'type' = 'Create' and public.associated_object_id(a.data) is not null

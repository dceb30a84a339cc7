-- Ids that open reports name, and the objects of those that are activities.
with named as materialized (
    select distinct case jsonb_typeof(entry) when 'string' then entry #>> '{}' else entry ->> 'id' end as id
    from public.activities a,
         jsonb_array_elements(case jsonb_typeof(a.data -> 'object') when 'array' then a.data -> 'object'
                                   else jsonb_build_array(a.data -> 'object') end) as entry
    where a.data ->> 'type' = 'Flag' and a.data ->> 'state' = 'open'
)
select id from named where id is not null
union
select public.associated_object_id(a.data)
from named
join public.activities a on a.data ->> 'id' = named.id
where public.associated_object_id(a.data) is not null

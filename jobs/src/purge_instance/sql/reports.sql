-- All reports: whether each is open, and what it refers to.
select a.id, a.actor::text as actor, coalesce(a.data ->> 'state', 'open') not in ('resolved', 'closed') as open,
       array(select coalesce(entry ->> 'id', entry #>> '{}')
             from jsonb_array_elements(case jsonb_typeof(a.data -> 'object') when 'array' then a.data -> 'object'
                                            else jsonb_build_array(a.data -> 'object') end) as entry
             where jsonb_typeof(entry) in ('object', 'string')
               and coalesce(entry ->> 'id', entry #>> '{}') is not null) as about
from public.activities a
where a.data ->> 'type' = 'Flag'

-- $1: actor, $2: after this activity, $3: up to this one, $4: maximum number, $5: maximum size
-- of the object rows in bytes, unless it is a single row. NULLS FIRST, so that the index
-- (actor, id DESC NULLS LAST) can be scanned backwards.
select id, ap_id, kind, expires_at, object_id, object_rows
from (select w.*, coalesce(found.rows, '{}') as object_rows,
             sum(coalesce(octet_length(w.object_id), 0) + coalesce(found.bytes, 0))
                 over (order by w.id nulls first rows unbounded preceding) as bytes,
             row_number() over (order by w.id nulls first rows unbounded preceding) as n
      from (select a.id,
                   case when length(a.data ->> 'id') > 1000 then a.id::text else a.data ->> 'id' end as ap_id,
                   case when a.data ->> 'type' in ('Create', 'Like', 'Announce')
                        then a.data ->> 'type' end as kind,
                   left(a.data ->> 'expires_at', 64) as expires_at,
                   case when a.data ->> 'type' not in ('Create', 'Like', 'Announce') then null
                        -- An embedded object without an id has none; nor has a list of posts.
                        when jsonb_typeof(a.data -> 'object') = 'object'
                             and jsonb_typeof(a.data -> 'object' -> 'id') is distinct from 'string' then null
                        when jsonb_typeof(a.data -> 'object') <> 'array' or a.data ->> 'type' <> 'Create' then public.associated_object_id(a.data) end as object_id
            from public.activities a
            where a.actor = $1 and a.id > $2 and a.id <= $3
            order by a.id nulls first
            limit $4) w,
           lateral (select array_agg(o.id order by o.id) as rows, sum(pg_column_size(o.data)) as bytes
                    from public.objects o
                    where w.kind is not null and o.data ->> 'id' = w.object_id) as found
      ) as walked
where n = 1 or bytes <= $5
order by id nulls first

-- What decides how likes and boosts ($1) are taken back: whether their Undo stays on this server, and the first of their
-- addresses that is none, where that matters ($3). $2: the public and the local-public address.
select a.id,
       ((jsonb_typeof(a.data -> 'to') <> 'object' and a.data -> 'to' ? ($2::text[])[2]
             or jsonb_typeof(a.data -> 'cc') <> 'object' and a.data -> 'cc' ? ($2::text[])[2]) is true
           and (jsonb_typeof(a.data -> 'to') <> 'object' and a.data -> 'to' ? ($2::text[])[1]
             or jsonb_typeof(a.data -> 'cc') <> 'object' and a.data -> 'cc' ? ($2::text[])[1]) is not true) as local_only,
       case when $3 then (
           select left(address::text, 200)
           from jsonb_array_elements(
                    case jsonb_typeof(a.data -> 'to') when 'array' then a.data -> 'to'
                                                      when 'string' then jsonb_build_array(a.data -> 'to') else '[]' end
                    || case jsonb_typeof(a.data -> 'cc') when 'array' then a.data -> 'cc'
                                                         when 'string' then jsonb_build_array(a.data -> 'cc') else '[]' end)
                with ordinality as addressed (address, n)
           where jsonb_typeof(address) <> 'string' or address #>> '{}' !~* '^https?://([^/?#@]*@)?[^/?#:@]'
           order by n limit 1) end as invalid
from public.activities a
where a.id = any ($1)

-- What decides how posts are deleted; $1: their rows, which are locked. Of what strangers wrote nothing is taken as a
-- number, and no more than a name's length. $2: the public and the local-public address, $3: whether quotes are counted,
-- $4: whether an invalid address keeps a post from being deleted.
select o.id as row,
       case when jsonb_typeof(d.data -> 'type') = 'string' then left(d.data ->> 'type', 64) else '' end as kind,
       d.data ? 'actor' as names_actor,
       case when jsonb_typeof(d.data -> 'actor') = 'string' and length(d.data ->> 'actor') <= 255
            then d.data ->> 'actor' end as author,
       (d.data -> 'directMessage' is distinct from 'true'::jsonb and d.data -> 'type' is distinct from '"Tombstone"'::jsonb
           and ((jsonb_typeof(d.data -> 'to') <> 'object' and d.data -> 'to' ?| $2)
             or (jsonb_typeof(d.data -> 'cc') <> 'object' and d.data -> 'cc' ?| $2)
             or (jsonb_typeof(d.data -> 'bto') <> 'object' and d.data -> 'bto' ?| $2)
             or (jsonb_typeof(d.data -> 'bcc') <> 'object' and d.data -> 'bcc' ?| $2))) is true as public,
       ((jsonb_typeof(d.data -> 'to') <> 'object' and d.data -> 'to' ? $2[2]
             or jsonb_typeof(d.data -> 'cc') <> 'object' and d.data -> 'cc' ? $2[2]) is true
           and (jsonb_typeof(d.data -> 'to') <> 'object' and d.data -> 'to' ? $2[1]
             or jsonb_typeof(d.data -> 'cc') <> 'object' and d.data -> 'cc' ? $2[1]) is not true) as local_only,
       array(select p.id from public.objects p
             where p.data ->> 'id' = case when jsonb_typeof(d.data -> 'inReplyTo') = 'string'
                                          then d.data ->> 'inReplyTo' end) as replied,
       array(select q.id from public.objects q
             where $3 and q.data ->> 'id' = case when jsonb_typeof(d.data -> 'quoteUrl') = 'string'
                                                 then d.data ->> 'quoteUrl' end) as quoted,
       case when $4 then (
           select left(address::text, 200)
           from jsonb_array_elements(
                    case jsonb_typeof(d.data -> 'to') when 'array' then d.data -> 'to'
                                                      when 'string' then jsonb_build_array(d.data -> 'to') else '[]' end
                    || case jsonb_typeof(d.data -> 'cc') when 'array' then d.data -> 'cc'
                                                         when 'string' then jsonb_build_array(d.data -> 'cc') else '[]' end)
                with ordinality as addressed (address, n)
           where jsonb_typeof(address) <> 'string' or address #>> '{}' !~* '^https?://([^/?#@]*@)?[^/?#:@]'
           order by n limit 1) end as invalid
from public.objects o,
     -- Nothing is added: but a large document is put together once for all of the above (offset 0).
     lateral (select o.data || '{}' as data offset 0) as d
where o.id = any ($1)

-- What other accounts did to accounts ($1) of the host: at most $3 activities. $2: spellings of the host. First what is about an
-- account itself, then what only its address shows: it takes something back, or answers, or is about something that is
-- not known here any more.
(select a.id, a.actor::text as actor, coalesce(a.data ->> 'type', '') as kind, a.data ->> 'id' as ap_id,
        public.associated_object_id(a.data) as object, left(a.data ->> 'context', 255) as context
 from public.activities a
 where public.associated_object_id(a.data) = any ($1) and a.data ->> 'type' is distinct from 'Flag'
 limit $3)
union
(select a.id, a.actor::text, coalesce(a.data ->> 'type', ''), a.data ->> 'id',
        public.associated_object_id(a.data), left(a.data ->> 'context', 255)
 from public.activities a
 where a.recipients && $1::varchar[]
   and (a.data ->> 'type' in ('Undo', 'Accept', 'Reject')
          and (a.data -> 'to' ?| $1 or a.data ->> 'to' = any ($1))
        or a.data ->> 'type' in ('Like', 'EmojiReact', 'Announce', 'Delete', 'Block', 'Add', 'Remove')
          and lower(substring(public.associated_object_id(a.data) from '^[Hh][Tt][Tt][Pp][Ss]?://(?:[^/?#@]*@)?([^/?#:]+)')) = any ($2)
          and not exists (select from public.objects o where o.data ->> 'id' = public.associated_object_id(a.data)))
 limit $3)
limit $3

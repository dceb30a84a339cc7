-- Reactions of others with a custom emoji of hosts ($2) to objects ($1).
select a.id, a.actor::text as actor, coalesce(a.data ->> 'type', '') as kind, a.data ->> 'id' as ap_id,
       public.associated_object_id(a.data) as object, left(a.data ->> 'context', 255) as context
from (select distinct o.data ->> 'id' as object, reacted.actor
      from public.objects o,
           jsonb_array_elements(case when jsonb_typeof(o.data -> 'reactions') = 'array'
                                     then o.data -> 'reactions' else '[]' end) as entry,
           jsonb_array_elements_text(case when jsonb_typeof(entry -> 1) = 'array'
                                          then entry -> 1 else '[]' end) as reacted (actor)
      where o.data ->> 'id' = any ($1)
        and lower(substring(entry ->> 2 from '^[Hh][Tt][Tt][Pp][Ss]?://(?:[^/?#@]*@)?([^/?#:]+)')) = any ($2)
     ) as used,
     lateral (select a.id, a.actor, a.data from public.activities a
              where public.associated_object_id(a.data) = used.object and a.data ->> 'type' = 'EmojiReact'
                and a.actor = used.actor offset 0) a
where lower(substring(a.data #>> '{tag,0,icon,url}' from '^[Hh][Tt][Tt][Pp][Ss]?://(?:[^/?#@]*@)?([^/?#:]+)')) = any ($2)

-- $1: objects, $2: actors that were taken out of each, $3: what they had done. Those that are listed again without an
-- activity.
select given.object, given.actor, given.kind
from unnest($1::bigint[], $2::text[], $3::text[]) as given (object, actor, kind),
     lateral (select data from public.objects where id = given.object offset 0) o
where case given.kind
          when 'Like' then o.data -> 'likes' ? given.actor
          when 'Announce' then o.data -> 'announcements' ? given.actor
          else exists (select from jsonb_array_elements(case when jsonb_typeof(o.data -> 'reactions') = 'array'
                                                             then o.data -> 'reactions' else '[]' end) as entry
                       where jsonb_typeof(entry) = 'array' and entry -> 1 ? given.actor) end
  and not exists (select from public.activities a
                  where public.associated_object_id(a.data) = o.data ->> 'id' and a.actor = given.actor
                    and a.data ->> 'type' = given.kind)

-- Undos of Follows ($1), each of which holds its whole Follow, whatever that is. $2: ids, $3: the same as ActivityPub
-- ids, $4: followers, $5: followed, $6: contexts for those without one, $7: now, $8: what a Follow becomes in its Undo,
-- $9: whether a context has a row.
insert into public.activities (id, data, actor, recipients, local, inserted_at, updated_at)
select given.id,
       jsonb_build_object('type', 'Undo', 'actor', given.follower, 'to', jsonb_build_array(given.followed),
           'id', given.ap_id, 'published', $7::text, 'context', c.context,
           'object', case when f.data ? 'published' then '{}' else jsonb_build_object('published', $7::text) end
               || f.data || jsonb_build_object('context', c.context) || $8::jsonb || numbered.context)
           || numbered.context,
       given.follower, array[given.followed], true, moment, moment
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
         with ordinality as given (follow, id, ap_id, follower, followed, context, n)
join public.activities f on f.id = given.follow,
     lateral (select case when jsonb_typeof(f.data -> 'context') = 'string' then f.data ->> 'context'
                          else given.context end as context offset 0) as c,
     lateral (select coalesce((select jsonb_build_object('context_id', o.id) from public.objects o
                               where $9 and o.data ->> 'id' = c.context limit 1), '{}') as context) as numbered,
     date_trunc('second', timezone('UTC', now())) as moment
order by given.n

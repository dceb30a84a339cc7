-- $1: accounts. Those of which an activity or an object is left.
select u.id
from unnest($1::uuid[]) as given (id),
     lateral (select id, ap_id from public.users where id = given.id offset 0) u
where exists (select from public.activities a where a.actor = u.ap_id)
   or exists (select from public.objects o where o.data ->> 'actor' = u.ap_id)

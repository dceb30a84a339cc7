-- The same as unpin.sql: a pin is the id of an activity, of which none is left.
update public.users u
set pinned_activities = '{}'
where u.id = any ($1) and u.pinned_activities <> '{}'
  and not exists (select from public.activities a where a.actor = u.ap_id and a.data ->> 'type' = 'Create')

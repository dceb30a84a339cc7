-- $1: accounts that stay. Removes pins of posts that are gone.
update public.users u
set pinned_objects = u.pinned_objects - gone.pins
from (select account.id, array_agg(pin.object) as pins
      from unnest($1::uuid[]) as given (id),
           lateral (select id, pinned_objects from public.users where id = given.id offset 0) account,
           lateral jsonb_object_keys(case when jsonb_typeof(account.pinned_objects) = 'object'
                                          then account.pinned_objects else '{}' end) as pin (object)
      where not exists (select from public.objects o where o.data ->> 'id' = pin.object)
      group by account.id) as gone
where u.id = gone.id

-- $1: account, $2: objects that were deleted. Takes their pins away, one key each.
update public.users u
set pinned_objects = u.pinned_objects - gone.ids, updated_at = date_trunc('second', timezone('UTC', now()))
from (
    select array_agg(pin.id) as ids
    from public.users pinning,
         jsonb_object_keys(case when jsonb_typeof(pinning.pinned_objects) = 'object'
                                then pinning.pinned_objects else '{}' end) as pin (id)
    where pinning.ap_id = $1 and exists (
        select from public.objects o
        where o.data ->> 'id' = pin.id and o.id = any ($2) and o.data ->> 'type' = 'Tombstone')
) as gone
where u.ap_id = $1 and u.pinned_objects ?| gone.ids

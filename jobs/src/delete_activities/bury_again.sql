-- $1: such objects. A tombstone to which something was added keeps its earlier fields.
update public.objects o
set data = jsonb_build_object(
        'id', o.data -> 'id',
        'type', 'Tombstone',
        'formerType', case when o.data ->> 'type' = 'Tombstone'
            then coalesce(o.data -> 'formerType', o.data -> 'type') else o.data -> 'type' end,
        'deleted', case when o.data ->> 'type' = 'Tombstone' and o.data ? 'deleted'
            then o.data -> 'deleted'
            else to_jsonb(to_char(timezone('UTC', clock_timestamp()),
                                  'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) end),
    updated_at = date_trunc('second', timezone('UTC', now()))
where o.id = any ($1)
  and not exists (select from public.activities a where public.associated_object_id(a.data) = o.data ->> 'id' and a.data ->> 'type' = 'Create')
returning o.id, o.data ->> 'id'

-- Groups, newest first, each with the sum of its runs.
--
-- $1: id of the only group, or NULL; $2: job, or NULL; $3: status that one of its runs has, or NULL; $4: maximum number.
select picked.*, runs.*, clock_timestamp() as now
from (select * from ostrakon.groups g
      where ($1::text is null or g.id = $1)
        and ($2::text is null or g.job = $2)
        and ($3::text is null
          or exists (select from ostrakon.runs where group_id = g.id and status = $3))
      order by g.id desc
      limit $4) picked
cross join lateral (
    select count(*) filter (where status = 'queued') as queued,
           count(*) filter (where status = 'running') as running,
           count(*) filter (where status = 'paused') as paused,
           count(*) filter (where status = 'succeeded') as succeeded,
           count(*) filter (where status = 'incomplete') as incomplete,
           count(*) filter (where status = 'failed') as failed,
           count(*) filter (where status = 'cancelled') as cancelled,
           coalesce(sum(total), 0)::bigint as total,
           coalesce(sum(done), 0)::bigint as done,
           coalesce(sum(parked), 0)::bigint as parked,
           min(subject) filter (where status = 'running') as current,
           min(waits_for) filter (where status = 'queued') as waits_for,
           min(throttle_reason) filter (where status = 'running') as throttle_reason,
           min(started_at) as started_at,
           case when bool_and(status in ('succeeded', 'incomplete', 'failed', 'cancelled'))
                then max(finished_at) end as finished_at,
           max(deliveries_until) as deliveries_until
    from ostrakon.runs
    where group_id = picked.id
) runs
order by picked.id desc

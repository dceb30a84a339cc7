-- Due runs of a class that no worker holds: single runs first, longest waiting first, then the first due run of each
-- group of which no run is being worked on.
--
-- $1: class; $2: seconds within which workers are not notified of a run again, NULL for whether or not they were;
-- $3: maximum number of single runs.
with recursive waiting (group_id) as (
    -- Each group once, without reading all of its runs.
    select min(group_id) from ostrakon.runs
    where class = $1 and group_id is not null and status in ('queued', 'running')
    union all
    select (select min(group_id) from ostrakon.runs
            where class = $1 and group_id > waiting.group_id and status in ('queued', 'running'))
    from waiting where waiting.group_id is not null
)
(select * from ostrakon.runs
 where class = $1 and group_id is null
   and (status = 'queued' and available_at <= clock_timestamp()
     or status = 'running' and lease_expires_at < clock_timestamp())
   and ($2::float8 is null or notified_at is null
     or notified_at < clock_timestamp() - make_interval(secs => $2))
 order by available_at, id
 limit $3)
union all
(select run.* from waiting
 cross join lateral (
     select * from ostrakon.runs
     where class = $1 and group_id = waiting.group_id
       and (status = 'queued' and available_at <= clock_timestamp()
         or status = 'running' and lease_expires_at < clock_timestamp())
     order by available_at, id
     limit 1
 ) run
 where not exists (
         select from ostrakon.runs held
         where held.class = $1 and held.group_id = run.group_id and held.status = 'running'
           and held.lease_expires_at >= clock_timestamp())
   and ($2::float8 is null or run.notified_at is null
     or run.notified_at < clock_timestamp() - make_interval(secs => $2)))

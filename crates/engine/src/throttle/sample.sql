-- What the throttle looks at. $1: whether the archive is asked for, $2: tables of the run, $3: how many seconds are lately.
-- Without the rights of pg_read_all_stats much of it is NULL.
with activity as materialized (
    select pid, datname, usesysid, application_name, backend_type, state, state_change from pg_stat_activity
), others as (
    -- Without PostgreSQL's own processes, such as autovacuum.
    select * from activity
    where datname = current_database() and usesysid is not null and application_name not like 'ostrakon%'
)
select
    (select pg_has_role(current_user, 'pg_read_all_stats', 'usage')) as sees_others,
    -- Bytes that the slowest replica has yet to replay.
    (select max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::bigint
     from pg_stat_replication where state in ('catchup', 'streaming')) as replica_lag,
    -- Other sessions that wait for a batch of any worker, directly or behind one another. Not those that are only
    -- behind it in the queue for a row (a lock of type tuple) that another session holds: the batch waits for that
    -- session as well.
    (with recursive waiting as materialized (
         select pid, in_queue, pg_blocking_pids(pid) as blockers
         from (select pid, bool_and(locktype = 'tuple') as in_queue from pg_locks where not granted group by pid) as locks
     ), blocked as (
         select waiting.pid from waiting
         join activity batch on batch.pid = any (waiting.blockers)
         where batch.application_name like 'ostrakon:%' and not waiting.in_queue
         union
         select waiting.pid from waiting join blocked on blocked.pid = any (waiting.blockers)
     )
     select count(*) from blocked join activity using (pid)
     where application_name not like 'ostrakon%') as lock_waiters,
    -- Whether another session is in a transaction at this moment: each holds a lock on its own virtual id.
    exists (select from pg_locks own join others using (pid)
            where own.locktype = 'virtualxid' and own.granted and own.mode = 'ExclusiveLock') as others_in_transaction,
    -- Whether another session was active lately, if the role may see that of all of them. A single moment mostly misses
    -- what is over in a few milliseconds.
    case when exists (select from others
                      where backend_type = 'client backend'
                        and state_change > clock_timestamp() - make_interval(secs => $3)) then true
         when not exists (select from others where backend_type is null) then false
    end as others_lately,
    -- Long runs that are being worked on by any worker, and not throttled.
    (select count(*) from ostrakon.runs
     where status = 'running' and class = 'long' and lease_expires_at > now() and throttle is null) as active_runs,
    (select count(*) from others where state = 'active' and backend_type = 'client backend') as active_backends,
    -- Full segments after the last archived one.
    case when $1 and current_setting('archive_mode') <> 'off' then
        (select current.segment - archived.segment - 1
         from pg_stat_archiver,
              lateral (select pg_size_bytes(current_setting('wal_segment_size'))) as size (bytes),
              lateral (select div(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), bytes)::bigint)
                  as current (segment),
              lateral (select case
                  -- The name of a segment: timeline, high part, low part, eight digits each.
                  when last_archived_wal ~ '^[0-9A-F]{24}' then
                      ('x' || substr(last_archived_wal, 9, 8))::bit(32)::bigint * (4294967296 / bytes)
                      + ('x' || substr(last_archived_wal, 17, 8))::bit(32)::bigint
                  when failed_count > 0 then 0 end) as archived (segment))
    end as wal_segments,
    (select relid::regclass::text from pg_stat_progress_vacuum
     where relid = any (select to_regclass(name) from unnest($2::text[]) as name) limit 1)
        as vacuumed,
    -- The data directory, if it is on this machine and the role may see it.
    (select setting from pg_settings
     where name = 'data_directory'
       and (inet_server_addr() is null or inet_server_addr() <<= inet '127.0.0.0/8'
            or inet_server_addr() = inet '::1')) as data_directory

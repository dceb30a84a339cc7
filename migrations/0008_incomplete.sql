-- A run that reaches its end with parked items is incomplete; one that only parked items has failed.
set local lock_timeout = '5s';

alter table ostrakon.runs drop constraint if exists runs_status_check;
alter table ostrakon.runs add constraint runs_status_check
    check (status in ('queued', 'running', 'paused', 'succeeded', 'incomplete', 'failed', 'cancelled'));

update ostrakon.runs
set status = case when done > 0 then 'incomplete' else 'failed' end,
    last_error = case when done > 0 then last_error
                      else format('nothing could be done: all %s items are parked, each with its reason', parked) end
where status = 'succeeded' and parked > 0;

-- A run whose parked items are being retried now ends by how many are left, not with its previous status.
update ostrakon.runs set parked_retry_of = null where parked_retry_of = 'succeeded';

-- Items that failed since the run was requested or retried: it gives up at a bound.
alter table ostrakon.runs add column if not exists failures bigint not null default 0;

-- Parked items to retry, one after the other.
create index if not exists parked_items_retry on ostrakon.parked_items (run_id, at, item) where retry;

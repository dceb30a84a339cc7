-- A run that came to its end with items parked is incomplete; one that only parked has failed.
set local lock_timeout = '5s';

alter table ostrakon.runs drop constraint if exists runs_status_check;
alter table ostrakon.runs add constraint runs_status_check
    check (status in ('queued', 'running', 'paused', 'succeeded', 'incomplete', 'failed', 'cancelled'));

update ostrakon.runs
set status = case when done > 0 then 'incomplete' else 'failed' end,
    last_error = case when done > 0 then last_error
                      else format('nothing could be done: all %s items are parked, each with its reason', parked) end
where status = 'succeeded' and parked > 0;

-- One whose parked items are tried again now ends by how many are left, and not as it had ended before.
update ostrakon.runs set parked_retry_of = null where parked_retry_of = 'succeeded';

-- Items that failed since the run was asked for, or tried again: it gives up at a bound.
alter table ostrakon.runs add column if not exists failures bigint not null default 0;

-- Which of them are to be tried again, one after the other.
create index if not exists parked_items_retry on ostrakon.parked_items (run_id, at, item) where retry;

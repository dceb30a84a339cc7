-- The ledger: what was requested, how far it got, how it ended. Redis only wakes workers.
-- Everything is in schema ostrakon, which the migrator creates; the server's own tables are never touched.
set local lock_timeout = '5s';

create table ostrakon.runs (
    id               text primary key check (length(id) = 26),
    job              text not null,
    class            text not null check (class in ('short', 'long')),
    payload          jsonb not null,
    -- What the operator typed: a nickname, a host.
    subject          text not null,
    dedupe_key       text not null,
    status           text not null default 'queued'
                     check (status in ('queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled')),
    -- What the operator requests of a run that is being worked on; obeyed between two batches.
    control          text not null default 'run' check (control in ('run', 'pause', 'cancel')),
    plan             jsonb not null default '{}',
    total            bigint,
    done             bigint not null default 0,
    parked           bigint not null default 0,
    -- NULL until the first worker has planned the run again.
    cursor           jsonb,
    -- Failed tries in a row, and worker crashes in a row: a committed batch resets both to 0.
    attempt          integer not null default 0,
    crashes          integer not null default 0,
    last_error       text,
    -- Which worker may write: every claim raises the fence, so that a zombie's writes are refused.
    fence            bigint not null default 0,
    lease_owner      text,
    lease_expires_at timestamptz,
    requested_by     text not null,
    reason           text,
    created_at       timestamptz not null default clock_timestamp(),
    available_at     timestamptz not null default clock_timestamp(),
    notified_at     timestamptz,
    started_at       timestamptz,
    finished_at      timestamptz,
    check (status <> 'running' or (lease_owner is not null and lease_expires_at is not null))
);

comment on table ostrakon.runs is 'One row per requested job: the truth about it';

-- A second request returns the id of the first run while that is unfinished.
create unique index runs_unfinished_dedupe_key on ostrakon.runs (dedupe_key)
    where status in ('queued', 'running', 'paused');

-- What the reconciler scans every few seconds.
create index runs_unfinished on ostrakon.runs (available_at) where status in ('queued', 'running');

create table ostrakon.run_events (
    id      bigint generated always as identity primary key,
    run_id  text not null references ostrakon.runs (id) on delete cascade,
    at      timestamptz not null default clock_timestamp(),
    event   text not null,
    -- The operator or the worker.
    actor   text not null,
    detail  jsonb not null default '{}'
);

comment on table ostrakon.run_events is 'The history of each run, append-only';

create index run_events_run_id on ostrakon.run_events (run_id, id);

create table ostrakon.parked_items (
    run_id   text not null references ostrakon.runs (id) on delete cascade,
    item     text not null,
    reason   text not null,
    sqlstate text,
    at       timestamptz not null default clock_timestamp(),
    primary key (run_id, item)
);

comment on table ostrakon.parked_items is 'Rows that could not be done, each with its reason; the rest of their run went on';

create table ostrakon.workers (
    id         text primary key,
    host       text not null,
    pid        integer not null,
    version    text not null,
    started_at timestamptz not null default clock_timestamp(),
    seen_at    timestamptz not null default clock_timestamp()
);

comment on table ostrakon.workers is 'Worker processes, each seen every few seconds; only to tell people whether one is alive';

-- Groups: runs that were requested together, and are worked on one after another.
set local lock_timeout = '5s';

create table if not exists ostrakon.groups (
    id            text primary key check (length(id) = 26),
    job           text not null,
    -- What its runs are about: "2,000 hosts".
    subject       text not null,
    requested_by  text not null,
    -- The role that was logged in to the database; nobody can choose it.
    database_user text default session_user,
    reason        text,
    created_at    timestamptz not null default clock_timestamp()
);

comment on table ostrakon.groups is 'One row per request for several runs; their state is that of the runs';

-- Deferred: a group is written once it is known that it has runs.
alter table ostrakon.runs add column if not exists group_id text
    references ostrakon.groups (id) deferrable initially deferred;

create index if not exists runs_group on ostrakon.runs (group_id, id) where group_id is not null;

-- What the reconciler scans: single runs by time, and the first run of each group. The previous index had both in one:
-- to find the single runs, a scan went through all runs of every group.
create index if not exists runs_due_single on ostrakon.runs (class, available_at, id)
    where group_id is null and status in ('queued', 'running');
create index if not exists runs_due_grouped on ostrakon.runs (class, group_id, available_at, id)
    where group_id is not null and status in ('queued', 'running');
drop index if exists ostrakon.runs_due;

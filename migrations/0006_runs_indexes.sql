-- Indexes for a ledger with very many runs: frequent queries read only the rows that they return.
set local lock_timeout = '5s';

-- What the reconciler scans, each class separately, in the order in which it notifies workers. The previous index had
-- both classes in one: to find no short run due, a scan went through every long run that waited.
create index if not exists runs_due on ostrakon.runs (class, available_at, id) where status in ('queued', 'running');
drop index if exists ostrakon.runs_unfinished;

-- `ostrakon runs list --status` and `--job`, newest first: few of all runs have failed.
create index if not exists runs_status on ostrakon.runs (status, id);
create index if not exists runs_job on ostrakon.runs (job, id);

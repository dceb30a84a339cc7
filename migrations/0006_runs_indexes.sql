-- A ledger of very many runs: what is asked for again and again reads only what it gives.
set local lock_timeout = '5s';

-- What the reconciler looks through, each class by itself, in the order in which it notifies. The index before had both
-- classes in one: to find no short run due it went through every long run that waited.
create index if not exists runs_due on ostrakon.runs (class, available_at, id) where status in ('queued', 'running');
drop index if exists ostrakon.runs_unfinished;

-- `ostrakon runs list --status` and `--job`, newest first: those that failed are few among all that ever were.
create index if not exists runs_status on ostrakon.runs (status, id);
create index if not exists runs_job on ostrakon.runs (job, id);

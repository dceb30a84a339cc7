-- What a run's batches wrote and other sessions may overwrite with what they read earlier.
set local lock_timeout = '5s';

create table if not exists ostrakon.batch_writes (
    run_id text not null references ostrakon.runs (id) on delete cascade,
    n      bigint generated always as identity,
    -- In the job's own format; kept until its run is done.
    what   jsonb not null,
    -- Whether it was rechecked since.
    rechecked boolean not null default false,
    primary key (run_id, n)
);

comment on table ostrakon.batch_writes is 'One row per batch of an unfinished run: what is rechecked when other sessions must be done with it';

create index if not exists batch_writes_fresh on ostrakon.batch_writes (run_id, n) where not rechecked;

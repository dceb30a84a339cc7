-- Speed of a run, and what throttles it.
set local lock_timeout = '5s';

-- 1 is the speed that the settings allow; 0.5 takes twice as long.
alter table ostrakon.runs add column if not exists speed double precision not null default 1
    check (speed between 0.01 and 100);

-- The check that throttles the run now, the reason, and since when; NULL while none does.
alter table ostrakon.runs add column if not exists throttle text;
alter table ostrakon.runs add column if not exists throttle_reason text;
alter table ostrakon.runs add column if not exists throttled_at timestamptz;

-- Total time that the run was throttled, in milliseconds, without the current check.
alter table ostrakon.runs add column if not exists throttled_ms bigint not null default 0;

-- A run that checks repeatedly whether it may continue records that once.
set local lock_timeout = '5s';

-- What the run waits for, or waited for last; since when it has not checked; how long it has waited in total, and how
-- often it has checked. NULL and 0 unless its latest claims ended by waiting.
alter table ostrakon.runs add column if not exists waits_for text;
alter table ostrakon.runs add column if not exists waits_since timestamptz;
alter table ostrakon.runs add column if not exists waited_ms bigint not null default 0;
alter table ostrakon.runs add column if not exists checks bigint not null default 0;

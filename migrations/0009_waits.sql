-- A run that looks again and again whether it may go on tells of that once.
set local lock_timeout = '5s';

-- Whom it waits for, or waited for last; since when it has not looked; how long it has waited altogether, and how
-- often it has looked. NULL and 0 unless its latest claims ended by waiting.
alter table ostrakon.runs add column if not exists waits_for text;
alter table ostrakon.runs add column if not exists waits_since timestamptz;
alter table ostrakon.runs add column if not exists waited_ms bigint not null default 0;
alter table ostrakon.runs add column if not exists looks bigint not null default 0;

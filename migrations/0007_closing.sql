-- What follows a run's last batch while other sessions keep writing.
set local lock_timeout = '5s';

-- Progress of the end of the run; NULL before it.
alter table ostrakon.runs add column if not exists closing jsonb;

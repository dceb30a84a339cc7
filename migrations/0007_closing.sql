-- What follows a run's last batch, while others go on writing.
set local lock_timeout = '5s';

-- How far the end has got; NULL before it.
alter table ostrakon.runs add column if not exists closing jsonb;

-- The role that was logged in to the database when a request, an event or an action was written. Unlike the names
-- alongside it, nobody can choose it: a role with least privilege may not write these columns. NULL in rows of older
-- versions.
set local lock_timeout = '5s';

alter table ostrakon.runs add column if not exists database_user text;
alter table ostrakon.runs alter column database_user set default session_user;

alter table ostrakon.run_events add column if not exists database_user text;
alter table ostrakon.run_events alter column database_user set default session_user;

alter table ostrakon.actions add column if not exists database_user text;
alter table ostrakon.actions alter column database_user set default session_user;

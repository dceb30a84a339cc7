-- Accounts with which the deactivation of an instance is not through when they are switched off.
set local lock_timeout = '5s';

create table ostrakon.instance_accounts (
    -- The host, behind a dot if its sub-domains are meant as well.
    instance    text not null,
    -- An id of public.users; no reference, as the server's tables are left alone.
    account     uuid not null,
    -- Whether the running server has to be asked to read it anew, once its relations have ended.
    refresh_due boolean not null,
    primary key (instance, account)
);

comment on table ostrakon.instance_accounts is 'Accounts of an instance that were switched off and whose relations, or whose followers, are yet to be dealt with';

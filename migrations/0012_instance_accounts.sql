-- Accounts that the deactivation of an instance has deactivated, but not finished with.
set local lock_timeout = '5s';

create table ostrakon.instance_accounts (
    -- The host; with a leading dot if its subdomains are included.
    instance    text not null,
    -- An id of public.users; no reference, since the server's tables are left alone.
    account     uuid not null,
    -- Whether the running server must be asked to reload the account, once its relations have ended.
    refresh_due boolean not null,
    primary key (instance, account)
);

comment on table ostrakon.instance_accounts is 'Accounts of an instance that were switched off and whose relations, or whose followers, are yet to be dealt with';

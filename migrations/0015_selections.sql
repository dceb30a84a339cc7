-- Frozen lists of accounts, each with a name.
set local lock_timeout = '5s';

create table ostrakon.selections (
    name          text primary key,
    -- The conditions that chose the accounts; empty if every account was added by hand.
    selectors     jsonb not null,
    -- Of the ids of its accounts: equal for the same accounts.
    digest        text not null,
    accounts      bigint not null,
    requested_by  text not null,
    database_user text default session_user,
    reason        text,
    created_at    timestamptz not null default clock_timestamp(),
    edited_at     timestamptz
);

create table ostrakon.selection_accounts (
    selection  text not null references ostrakon.selections (name) on delete cascade,
    -- An id of public.users; no reference, since the server's tables are left alone.
    account    uuid not null,
    -- The account when it was frozen, to tell later what has changed.
    nickname   text not null,
    active     boolean not null,
    created_at timestamptz not null,
    -- Added by hand: the conditions do not apply to it.
    added      boolean not null,
    primary key (selection, account)
);

comment on table ostrakon.selections is 'Frozen lists of accounts';
comment on table ostrakon.selection_accounts is 'Accounts of the selections, as they were when they were frozen';

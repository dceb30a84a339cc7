-- Immediate changes, without a run: who made them, to what, and why.
set local lock_timeout = '5s';

create table ostrakon.actions (
    id           text primary key check (length(id) = 26),
    command      text not null,
    -- What the operator typed: a nickname, the kind of a token.
    subject      text not null,
    requested_by text not null,
    -- The member of the server's staff in whose name the change was made (--as).
    on_behalf_of text,
    reason       text,
    -- What changed; never a password, key or token.
    detail       jsonb not null default '{}',
    at           timestamptz not null default clock_timestamp()
);

comment on table ostrakon.actions is 'One row per command that changed something at once, append-only';

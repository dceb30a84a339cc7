-- Spreading over time what the server is given to deliver, over all runs and workers together.
set local lock_timeout = '5s';

-- One row. Locked by whoever takes places, until the commit: a batch that is undone gives them back.
create table if not exists ostrakon.delivery_clock (
    only_row boolean primary key default true check (only_row),
    -- The last second of which places were given out, and how many of them are taken.
    second   timestamptz not null,
    taken    integer not null check (taken >= 0)
);

comment on table ostrakon.delivery_clock is 'Until when the deliveries that ostrakon asked the server for are spread';

insert into ostrakon.delivery_clock (second, taken) values ('epoch', 0) on conflict do nothing;

-- When the last delivery that the run asked for is due; NULL while all were due at once.
alter table ostrakon.runs add column if not exists deliveries_until timestamptz;

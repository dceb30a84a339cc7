-- Spreading over time the deliveries that all runs and workers together hand to the server.
set local lock_timeout = '5s';

-- One row. A transaction that takes slots locks it until the commit: a batch that is rolled back returns them.
create table if not exists ostrakon.delivery_schedule (
    only_row boolean primary key default true check (only_row),
    -- The last second of which slots were taken, and how many of them.
    second   timestamptz not null,
    taken    integer not null check (taken >= 0)
);

comment on table ostrakon.delivery_schedule is 'Until when the deliveries that ostrakon asked the server for are spread';

insert into ostrakon.delivery_schedule (second, taken) values ('epoch', 0) on conflict do nothing;

-- When the last delivery that the run requested is due; NULL while all were due immediately.
alter table ostrakon.runs add column if not exists deliveries_until timestamptz;

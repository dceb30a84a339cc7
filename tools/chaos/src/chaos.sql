-- Conditions that the fault schedule sets in the database, and records for the judge. Separate from
-- the server's own schema.
create schema chaos;

-- Conditions for batches: slow rows, a full disk, statements that never end. They affect only
-- batches of ostrakon.
create table chaos.conditions (
    one      boolean primary key default true check (one),
    pause_ms integer not null default 0,
    mood     text not null default 'fair' check (mood in ('fair', 'full', 'stuck'))
);
insert into chaos.conditions default values;

-- Counts how often the conditions hit a batch. A sequence keeps its value when the batch is rolled
-- back.
create sequence chaos.injections;

-- Posts that PostgreSQL refuses to delete.
create table chaos.spoilt (id uuid primary key);

create function chaos.apply_conditions() returns trigger language plpgsql as $$
declare conditions chaos.conditions;
begin
    if tg_op = 'DELETE' and tg_table_name = 'activities' then
        if exists (select from chaos.spoilt where id = old.id) then
            raise exception 'this post is spoilt' using errcode = '23514';
        end if;
    end if;
    if current_setting('application_name') like 'ostrakon:%' then
        select * into conditions from chaos.conditions;
        if conditions.mood <> 'fair' then
            perform nextval('chaos.injections');
        end if;
        if conditions.mood = 'full' then
            raise exception 'could not extend file: No space left on device' using errcode = '53100';
        elsif conditions.mood = 'stuck' then
            perform pg_sleep(15);
        elsif conditions.pause_ms > 0 then
            perform pg_sleep(conditions.pause_ms / 1000.0);
        end if;
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end $$;

create trigger apply_conditions before delete on public.activities
    for each row execute function chaos.apply_conditions();
create trigger apply_conditions before update or delete on public.following_relationships
    for each row execute function chaos.apply_conditions();
create trigger apply_conditions before update on public.users
    for each row execute function chaos.apply_conditions();

-- Every committed change of a run, with its writer: a batch names its claim in application_name.
create table chaos.changes (
    seq           bigint generated always as identity primary key,
    at            timestamptz not null default clock_timestamp(),
    txid          bigint not null default txid_current(),
    writer        text not null default current_setting('application_name'),
    run_id        text not null,
    fence_before  bigint,
    fence         bigint not null,
    status_before text,
    status        text not null,
    cursor_before jsonb,
    cursor        jsonb,
    done_before   bigint,
    done          bigint not null,
    parked_before bigint,
    parked        bigint not null,
    owner         text,
    lease_before  timestamptz
);
create index on chaos.changes (run_id, seq);

create function chaos.write_down() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into chaos.changes (run_id, fence, status, cursor, done, parked, owner)
        values (new.id, new.fence, new.status, new.cursor, new.done, new.parked, new.lease_owner);
    elsif (old.fence, old.status, old.cursor, old.done, old.parked)
          is distinct from (new.fence, new.status, new.cursor, new.done, new.parked) then
        insert into chaos.changes (run_id, fence_before, fence, status_before, status,
            cursor_before, cursor, done_before, done, parked_before, parked, owner, lease_before)
        values (new.id, old.fence, new.fence, old.status, new.status,
            old.cursor, new.cursor, old.done, new.done, old.parked, new.parked, new.lease_owner,
            old.lease_expires_at);
    end if;
    return null;
end $$;

create trigger write_down after insert or update on ostrakon.runs
    for each row execute function chaos.write_down();

-- The triggers run with the rights of the workers' role.
grant usage on schema chaos to ostrakon;
grant all on all tables in schema chaos to ostrakon;
grant all on all sequences in schema chaos to ostrakon;

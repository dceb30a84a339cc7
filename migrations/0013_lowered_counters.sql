-- Counters of replies and quotes that runs lowered, to distinguish what the server writes back late from replies and
-- quotes that are new.
set local lock_timeout = '5s';

create table if not exists ostrakon.lowered_counters (
    run_id         text not null references ostrakon.runs (id) on delete cascade,
    -- An id of public.objects; no reference, since the server's tables are left alone.
    object         bigint not null,
    -- The lowest value found, adjusted to before the run first lowered it; NULL if it is not a number.
    replies_before bigint,
    -- Amount by which this run and others have lowered it since.
    replies_lost   bigint not null,
    quotes_before  bigint,
    quotes_lost    bigint not null,
    primary key (run_id, object)
);

comment on table ostrakon.lowered_counters is 'Objects whose counters of replies or quotes an unfinished run lowered; kept until the run is done';

-- Both indexes serve for one object of one run: before the table is analyzed, PostgreSQL may use either.
create index if not exists lowered_counters_object on ostrakon.lowered_counters (object);

-- Counters of replies and quotes that runs lowered, so that what the server writes back late can be told from the
-- replies and quotes that are new.
set local lock_timeout = '5s';

create table if not exists ostrakon.lowered_counters (
    run_id         text not null references ostrakon.runs (id) on delete cascade,
    -- An id of public.objects; no reference, as the server's tables are left alone.
    object         bigint not null,
    -- The lowest that the counter was found at, reckoned back to before the run first lowered it; none if it is no number.
    replies_before bigint,
    -- By how much it was lowered since, by this run and by others.
    replies_lost   bigint not null,
    quotes_before  bigint,
    quotes_lost    bigint not null,
    primary key (run_id, object)
);

comment on table ostrakon.lowered_counters is 'Objects whose counters of replies or quotes an unfinished run lowered; kept until the run is done';

-- Both indexes serve for one object of one run: before the table is analyzed PostgreSQL may take either.
create index if not exists lowered_counters_object on ostrakon.lowered_counters (object);

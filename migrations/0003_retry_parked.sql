-- Retrying only the parked items of a run.
set local lock_timeout = '5s';

-- Position of the item: a batch of one from here takes exactly this item. NULL in rows of older versions.
alter table ostrakon.parked_items add column if not exists cursor jsonb;

-- Whether the item is still to be retried.
alter table ostrakon.parked_items add column if not exists retry boolean not null default false;

-- Status of the run before only its parked items were retried; NULL otherwise.
alter table ostrakon.runs add column if not exists parked_retry_of text
    check (parked_retry_of in ('succeeded', 'failed', 'cancelled'));

-- Trying again only what a run left aside.
set local lock_timeout = '5s';

-- Where the item stands: a batch of one from here takes up exactly this item. NULL in rows of older versions.
alter table ostrakon.parked_items add column if not exists cursor jsonb;

-- Whether it is still to be tried again.
alter table ostrakon.parked_items add column if not exists retry boolean not null default false;

-- How the run had ended when only its parked items were to be tried again; NULL while that is not so.
alter table ostrakon.runs add column if not exists parked_retry_of text
    check (parked_retry_of in ('succeeded', 'failed', 'cancelled'));

-- Chats with actors ($1); at most $2. There need not be an index on the recipient.
with named as materialized (
    select c.id from public.chats c join unnest($1::text[]) as given (actor) on given.actor = c.recipient
)
select id from named limit $2

-- Chats with actors ($1); at most $2. There need not be an index on the recipient.
with named as materialized (
    select id from public.chats where recipient = any ($1)
)
select id from named limit $2

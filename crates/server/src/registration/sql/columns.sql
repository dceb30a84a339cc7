-- Columns of a local account that came and went between releases, and Akkoma's table of keys.
select
    'featured_address' = any (names) as featured_address,
    'accepts_chat_messages' = any (names) as accepts_chat_messages,
    'keys' = any (names) as keys,
    to_regclass('public.signing_keys') is not null as signing_keys
from (
    select array_agg(attname::text) as names
    from pg_attribute
    where attrelid = 'public.users'::regclass and attnum > 0 and not attisdropped
) as users

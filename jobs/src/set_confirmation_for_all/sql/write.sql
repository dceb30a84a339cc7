-- Writes accounts that still qualify; returns their nicknames, whether their profile has no fields, and whether they
-- were confirmed before. $1: accounts, $2: their new tokens, if they get any; $3: whether they are confirmed. An account
-- that uses its new token immediately is confirmed again.
with picked as (
    select u.id, u.is_confirmed as confirmed
    from public.users u
    where u.id = any ($1) and (not $3 or not u.is_confirmed or u.confirmation_token is not null)
      and u.local and u.is_active and not u.is_admin and not u.is_moderator and not u.invisible
      and u.nickname is not null and lower(left(u.nickname::text, 9)) <> 'internal.'
    order by u.id for no key update
)
update public.users u
set is_confirmed = $3, confirmation_token = new.token, updated_at = date_trunc('second', timezone('UTC', now()))
from picked join unnest($1::uuid[], $2::text[]) as new (id, token) using (id)
where u.id = picked.id
returning u.id, u.nickname::text, u.raw_fields = '[]' as fieldless, picked.confirmed

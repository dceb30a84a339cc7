-- The same as write.sql.
with picked as (
    select u.id, u.confirmation_pending is false as confirmed
    from public.users u
    where u.id = any ($1) and (not $3 or u.confirmation_pending or u.confirmation_token is not null)
      and u.local and u.deactivated is false and not u.is_admin and not u.is_moderator and not u.invisible
      and u.nickname is not null and lower(left(u.nickname::text, 9)) <> 'internal.'
    order by u.id for no key update
)
update public.users u
set confirmation_pending = not $3, confirmation_token = new.token, updated_at = date_trunc('second', timezone('UTC', now()))
from picked join unnest($1::uuid[], $2::text[]) as new (id, token) using (id)
where u.id = picked.id
returning u.id, u.nickname::text, u.raw_fields = '[]' as fieldless, picked.confirmed

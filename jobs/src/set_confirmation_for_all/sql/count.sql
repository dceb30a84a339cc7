-- Counts the accounts that a run writes. $1: up to this account, $2: whether they are confirmed. Confirmed accounts have
-- no token; one that still has a token loses it.
select count(*)
from public.users u
where u.id <= $1 and (not $2 or not u.is_confirmed or u.confirmation_token is not null)
  and u.local and u.is_active and not u.is_admin and not u.is_moderator and not u.invisible
  -- `internal.` in any case; LIKE would take longer than everything else together.
  and u.nickname is not null and lower(left(u.nickname::text, 9)) <> 'internal.'

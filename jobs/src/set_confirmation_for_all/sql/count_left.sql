-- Counts accounts in a state in which a finished run cannot have left them: without a new token, unconfirmed. $1: up to
-- this account, $2: whether accounts are confirmed.
select count(*)
from public.users u
where u.id <= $1 and not u.is_confirmed and ($2 or u.confirmation_token is null)
  and u.local and u.is_active and not u.is_admin and not u.is_moderator and not u.invisible
  and u.nickname is not null and lower(left(u.nickname::text, 9)) <> 'internal.'

-- The accounts that a run writes, in order, each with the page of its row if they are confirmed: the accounts of a page
-- are then spread over batches. Nothing shows whether an unconfirmed account already got its token, so that run never
-- returns to a page. $1: after this account, $2: up to this one, $3: maximum number, $4: whether they are confirmed.
select u.id, case when $4 then (u.ctid::text::point)[0]::bigint end
from public.users u
-- A single condition that no index has, so the planner uses the primary key, in its order.
where u.id > $1 and u.id <= $2 and (
    (not $4 or not u.is_confirmed or u.confirmation_token is not null)
    and u.local and u.is_active and not u.is_admin and not u.is_moderator and not u.invisible
    and u.nickname is not null and lower(left(u.nickname::text, 9)) <> 'internal.') is true
order by u.id
limit $3

-- Deactivates accounts; returns which were active, with their nicknames. $1: accounts.
update public.users
set is_active = false, updated_at = date_trunc('second', timezone('UTC', now()))
where id = any ($1) and is_active
returning id, nickname::text as nickname

-- $1: accounts, $2: whether they shall be active.
update public.users
set deactivated = not $2, updated_at = date_trunc('second', timezone('UTC', now()))
where id = any ($1) and deactivated = $2

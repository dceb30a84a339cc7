-- $1: accounts, $2: whether they shall be active.
update public.users
set is_active = $2, updated_at = date_trunc('second', timezone('UTC', now()))
where id = any ($1) and is_active <> $2

-- The same as switch_off.sql.
update public.users
set deactivated = true, updated_at = date_trunc('second', timezone('UTC', now()))
where id = any ($1) and deactivated is false
returning id, nickname::text as nickname

-- Locks accounts, and the local followers of those with few followers, in the order of ids. $1: accounts, $2: those
-- of them with few followers.
select u.id from public.users u
-- Not `= any ($1) or in (...)`, for which PostgreSQL reads all accounts.
where u.id = any (array(
    select unnest($1::uuid[])
    union
    select r.follower_id
    from public.following_relationships r,
         lateral (select local from public.users where id = r.follower_id offset 0) f
    where r.following_id = any ($2) and r.state = 2 and f.local))
order by u.id for no key update

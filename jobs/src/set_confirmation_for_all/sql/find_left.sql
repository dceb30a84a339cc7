-- The accounts that count_left.sql counts, in the manner of find.sql.
select u.id, case when $4 then (u.ctid::text::point)[0]::bigint end
from public.users u
where u.id > $1 and u.id <= $2 and (
    not u.is_confirmed and ($4 or u.confirmation_token is null)
    and u.local and u.is_active and not u.is_admin and not u.is_moderator and not u.invisible
    and u.nickname is not null and lower(left(u.nickname::text, 9)) <> 'internal.') is true
order by u.id
limit $3

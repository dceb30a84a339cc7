-- As list.sql. Before 2.2.0 the column is named `locked`. A name that `users` does not have is that of the row
-- beside it, so both spellings are understood.
select listed.*
from (select null::boolean as is_locked, null::boolean as locked) as absent
cross join lateral (
    select id, nickname::text, is_admin as admin, is_moderator as moderator,
           coalesce(is_locked, locked, false) as locked, not deactivated as active,
           not confirmation_pending as confirmed, not approval_pending as approved
    from public.users
    where local and nickname is not null and nickname not like 'internal.%'
      and (is_admin or not $1) and (is_moderator or not $2) and (deactivated or not $3)
) as listed
order by listed.id
limit $4

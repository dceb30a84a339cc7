-- Local accounts in the order of their ids. $1: only admins, $2: only moderators, $3: only inactive ones, $4: maximum
-- number.
select id, nickname::text, is_admin as admin, is_moderator as moderator, is_locked as locked,
       is_active as active, is_confirmed as confirmed, is_approved as approved
from public.users
where local and nickname is not null and nickname not like 'internal.%'
  and (is_admin or not $1) and (is_moderator or not $2) and not (is_active and $3)
order by id
limit $4

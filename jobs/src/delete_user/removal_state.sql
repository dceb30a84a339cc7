-- What decides how the account $1 is removed.
select u.is_admin, not u.is_confirmed as unconfirmed, not u.is_approved as unapproved,
       exists (select from public.users o
               where o.is_admin and o.local and o.is_active and o.id <> $1) as other_admin
from public.users u
where u.id = $1

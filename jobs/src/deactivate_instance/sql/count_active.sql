-- Counts active accounts by an independent condition, not the one by which the accounts were found. $1, $2: host;
-- $3: whether to include sub-domains.
with named as materialized (
    select nickname, reverse(lower(nickname::text)) as behind from public.users
)
select count(*)
from (select nickname from named
      where starts_with(behind, reverse('@' || $1))
         or starts_with(behind, reverse('@' || $2))
         or $3 and position('@' in behind) > 0
            and (starts_with(behind, reverse('.' || $1)) or starts_with(behind, reverse('.' || $2)))) found,
     lateral (select is_active as active from public.users where nickname = found.nickname offset 0) u
where u.active

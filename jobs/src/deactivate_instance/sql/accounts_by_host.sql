-- Counts active accounts, and all accounts, by the host of their nickname.
select lower(substring(nickname::text from '@([^@]+)$')), count(*) filter (where is_active), count(*)
from public.users
where nickname::text ~ '@[^@]+$'
group by 1

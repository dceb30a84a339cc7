-- Counts active accounts, and all accounts, by the host of their nickname. What is behind the last `@` is found without a
-- pattern, which would cost several times as much.
select lower(reverse(split_part(reverse(nickname::text), '@', 1))), count(*) filter (where is_active), count(*)
from public.users
where position('@' in nickname::text) > 0
group by 1

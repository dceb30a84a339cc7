-- Counts the relations of accounts to active local accounts, and the active ones among the accounts that have any.
-- $1: accounts.
select count(*), count(distinct s.id) filter (where s.active)
from public.following_relationships r,
     lateral (select local, nickname, is_active as active
              from public.users where id = r.following_id offset 0) u,
     lateral (select id, is_active as active from public.users where id = r.follower_id offset 0) s
where r.follower_id = any ($1) and r.state = 2 and u.active
  and u.local and u.nickname is not null and u.nickname not like 'internal.%'

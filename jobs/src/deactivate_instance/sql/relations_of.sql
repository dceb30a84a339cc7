-- The relations of given accounts to active local ones. $1: accounts.
select r.id
from unnest($1::uuid[]) as a (id),
     lateral (select id, following_id from public.following_relationships
              where follower_id = a.id and state = 2 offset 0) r,
     lateral (select local, nickname, is_active as active
              from public.users where id = r.following_id offset 0) u
where u.active and u.local and u.nickname is not null and u.nickname not like 'internal.%'

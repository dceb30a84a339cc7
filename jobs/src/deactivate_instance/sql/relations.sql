-- The relations of recorded accounts to active local ones, in the scattered order of the latter (scattered.rs). $1:
-- instance; $2, $3: after this local account and relation; $4: maximum number.
select r.following_id, r.id
from ostrakon.instance_accounts noted,
     lateral (select id, following_id from public.following_relationships
              where follower_id = noted.account and state = 2 offset 0) r,
     lateral (select local, nickname, is_active as active
              from public.users where id = r.following_id offset 0) u
where noted.instance = $1 and u.active
  and (reverse(r.following_id::text) collate "C", r.id) > (reverse($2::uuid::text) collate "C", $3)
  and u.local and u.nickname is not null and u.nickname not like 'internal.%'
order by reverse(r.following_id::text) collate "C", r.id
limit $4

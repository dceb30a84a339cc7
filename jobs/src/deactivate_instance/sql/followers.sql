-- The local accounts that follow recorded accounts, in the scattered order, each with its number of relations. $1:
-- instance; $2: after this local account; $3: maximum number, $4: whether inactive followers count.
select r.follower_id, count(*)
from ostrakon.instance_accounts noted,
     lateral (select follower_id from public.following_relationships
              where following_id = noted.account and state = 2 offset 0) r,
     lateral (select local, is_active as active from public.users where id = r.follower_id offset 0) f
where noted.instance = $1 and f.local and ($4 or f.active)
  and reverse(r.follower_id::text) collate "C" > reverse($2::uuid::text) collate "C"
group by r.follower_id
order by reverse(r.follower_id::text) collate "C"
limit $3

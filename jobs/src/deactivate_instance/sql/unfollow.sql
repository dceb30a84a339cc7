-- Ends relations of inactive accounts; returns the accounts that they followed. $1: relations.
delete from public.following_relationships r
where r.id = any ($1) and r.state = 2
  and exists (select from (select is_active as active from public.users where id = r.follower_id offset 0) u
              where not u.active)
returning r.following_id

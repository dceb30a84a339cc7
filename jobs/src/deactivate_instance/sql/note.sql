-- Records accounts with relations that are yet to be dealt with; returns those that the server is yet to be asked to
-- reload. $1: instance; $2: accounts, $3: whether the run has deactivated each; $4: whether the server has been asked
-- to reload them, $5: whether their relations have ended, as far as the run deals with them, $6: whether inactive
-- followers count.
insert into ostrakon.instance_accounts as noted (instance, account, refresh_due)
select $1, a.id, a.switched and related.follows and not $4
from unnest($2::uuid[], $3::bool[]) as a (id, switched),
     lateral (select exists (
         select from public.following_relationships r,
              lateral (select local, nickname, is_active as active
                       from public.users where id = r.following_id offset 0) u
         where r.follower_id = a.id and r.state = 2 and u.active
           and u.local and u.nickname is not null and u.nickname not like 'internal.%') as follows, exists (
         select from public.following_relationships r,
              lateral (select local, is_active as active from public.users where id = r.follower_id offset 0) f
         where r.following_id = a.id and r.state = 2 and f.local and ($6 or f.active)) as followed) related
where (related.follows or related.followed and a.switched)
  and not ($5 and related.follows)
on conflict (instance, account) do update
set refresh_due = noted.refresh_due or excluded.refresh_due
returning account, refresh_due

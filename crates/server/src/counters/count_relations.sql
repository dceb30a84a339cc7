-- $1: accounts. Number of active accounts that follow each, and of those that each follows (docs/semantics.md 3.3).
select given.id, followers.number, followed.number
from unnest($1::uuid[]) as given (id),
     lateral (select count(*) as number
              from public.following_relationships r
              join public.users u on u.id = r.follower_id
              where r.following_id = given.id and r.state = 2 and r.follower_id <> given.id
                and u.is_active and u.nickname is not null and u.nickname not like 'internal.%') followers,
     lateral (select count(*) as number
              from public.following_relationships r
              join public.users u on u.id = r.following_id
              where r.follower_id = given.id and r.state = 2 and r.following_id <> given.id
                and u.is_active and u.nickname is not null and u.nickname not like 'internal.%') followed

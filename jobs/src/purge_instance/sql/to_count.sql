-- $1: relations, in order. Local accounts that are counted after each, with the number of relations that this reads.
select r.id, u.id, (u.follower_count + u.following_count)::bigint
from unnest($1::bigint[]) with ordinality as given (id, n),
     lateral (select id, follower_id, following_id from public.following_relationships where id = given.id offset 0) r,
     lateral unnest(array[r.follower_id, r.following_id]) as concerned (account),
     lateral (select id, local, follower_count, following_count
              from public.users where id = concerned.account offset 0) u
where u.local
order by given.n

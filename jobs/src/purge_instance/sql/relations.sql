-- Follow relations of accounts, in order. $1: accounts, $2: those whose followers leave them, $3: after this relation,
-- $4: maximum number.
select id from (
    select r.id from public.following_relationships r where r.follower_id = any ($1) and r.id > $3
    union
    select r.id from public.following_relationships r where r.following_id = any ($2) and r.id > $3
) as related
order by id limit $4

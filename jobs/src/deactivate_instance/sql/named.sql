-- The accounts of a host and of its sub-domains, in order: whether each is active, and whether it is of a
-- sub-domain. $1: host, $2: the same in Unicode.
with named as materialized (
    -- An index on nicknames exists, and is a small part of the table. Both suffixes have the same length, so a single
    -- comparison of a nickname's end is enough.
    select nickname from public.users
    where lower(right(nickname::text, length($1) + 1)) in ('@' || $1, '.' || $1)
       or ($2 <> $1 and lower(right(nickname::text, length($2) + 1)) in ('@' || $2, '.' || $2))
)
select u.id, u.active,
       not (lower(right(u.nickname::text, length($1) + 1)) = '@' || $1
            or lower(right(u.nickname::text, length($2) + 1)) = '@' || $2) as below
from named, lateral (select id, nickname, is_active as active
                     from public.users where nickname = named.nickname offset 0) u
where position('@' in u.nickname::text) > 0
order by u.id

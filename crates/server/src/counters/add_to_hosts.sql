-- Adds differences to the rows of hosts, and makes a row where there is none. $1: hosts in their order; $2 to $5: for
-- each, what is added to public, unlisted, private and direct.
insert into public.counter_cache as c (instance, public, unlisted, private, direct)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
on conflict (instance) do update
set public = greatest(0, c.public + excluded.public), unlisted = greatest(0, c.unlisted + excluded.unlisted),
    private = greatest(0, c.private + excluded.private), direct = greatest(0, c.direct + excluded.direct)

-- Accounts and their follow relations. Reads pg_temp.seed; creates pg_temp.person and
-- pg_temp.relation.

-- A flake: 64 bits of time, then the kind of row, then its number within that kind.
create function pg_temp.flake(ms bigint, kind int, n bigint) returns uuid
language sql immutable as $$
    select (lpad(to_hex(ms), 16, '0') || '5eed' || lpad(to_hex(kind), 4, '0') || lpad(to_hex(n), 8, '0'))::uuid
$$;

-- Returns a number from 0 to below `sides`, the same for the same arguments on every machine.
create function pg_temp.dice(n bigint, salt int, sides int) returns int
language sql immutable as $$ select abs(hashint8(n * 97 + salt) % sides) $$;

-- Returns the time at which the share `n / of` of the community's two years has passed, plus the
-- delay.
create function pg_temp.moment(n bigint, of bigint, delay_ms int) returns bigint
language sql stable as $$ select seed.start_ms + seed.span_ms * n / of + delay_ms from seed $$;

create function pg_temp.as_time(ms bigint) returns timestamp
language sql immutable as $$ select timestamp 'epoch' + ms * interval '1 millisecond' $$;

-- 1 is the prolific account. The other local accounts follow, then the remote accounts of many
-- hosts, and last those of spam.example.
create temp table person on commit drop as
with numbered as (
    select n, n <= locals as local, n > locals + others as spam,
           case when n = 1 then 'prolific'
                else (array['ada', 'ben', 'cleo', 'dan', 'eva', 'finn', 'gil', 'hana', 'ivo', 'jo', 'kim', 'leo'])[1 + n % 12] || n
           end as name
    from seed, generate_series(1, locals + others + spam_accounts) as n
), placed as (
    select n, local, spam, name,
           case when local then 'social.example'
                when spam then 'spam.example'
                -- Hosts with similar names, which a run must not touch.
                when n % 37 = 0 then 'sub.spam.example'
                when n % 37 = 1 then 'spam.example.org'
                else format('town%s.example', n % 37)
           end as host
    from numbered
)
select n, pg_temp.flake(pg_temp.moment(0, 1, n * 1000), 1, n) as id, name, host, local, spam,
       -- A few local accounts are deactivated; relations with them stay.
       not (local and n % 97 = 0) as active,
       case when local then name else name || '@' || host end as nickname,
       format('https://%s/users/%s', host, name) as ap_id,
       format('https://%s/users/%s/followers', host, name) as followers
from placed;
create unique index on person (n);

-- State 2 is an accepted request, state 1 one without an answer.
create temp table relation on commit drop as
with pair as (
    -- Between local accounts, and between local and remote accounts in both directions.
    select a.n as follower, 1 + (a.n - 1 + k * 7) % locals as following, 2 as state
    from seed, person a, generate_series(1, 10) as k where a.local
    union all
    select a.n, locals + 1 + (a.n * 5 + k) % others, 2
    from seed, person a, generate_series(1, 5) as k where a.local
    union all
    select a.n, 1 + (a.n * 3 + k) % locals, 2
    from seed, person a, generate_series(1, 3) as k where not a.local and not a.spam
    union all
    -- Two in three local accounts and half of the others follow the prolific account.
    select a.n, 1, 2 from person a where (a.local and a.n % 3 > 0) or (not a.local and not a.spam and a.n % 2 = 0)
    union all
    select a.n, 1 + (a.n * 3 + k * 11) % locals, 2
    from seed, person a, generate_series(1, spam_follows) as k where a.spam
    union all
    select 1 + (a.n * 7 + k * 13) % locals, a.n, 2
    from seed, person a, generate_series(1, spam_followed) as k where a.spam
    union all
    select a.n, 1 + (a.n * 3 + 5) % locals, 1 from seed, person a where a.spam and a.n % 10 = 0
)
select row_number() over (order by follower, following) as n, follower, following, max(state) as state
from pair where follower <> following group by follower, following;

insert into following_relationships (follower_id, following_id, state, inserted_at, updated_at)
select a.id, b.id, r.state, made.at, made.at
from relation r
join person a on a.n = r.follower
join person b on b.n = r.following,
lateral (select pg_temp.as_time(pg_temp.moment(1, 50, r.n::int * 1000)) as at) as made
order by r.n;

insert into activities (id, data, actor, local, recipients, inserted_at, updated_at)
select pg_temp.flake(made.ms, 2, r.n),
       jsonb_build_object(
           'id', format('https://social.example/activities/%s', md5('follow' || r.n)::uuid), 'type', 'Follow',
           'actor', a.ap_id, 'object', b.ap_id, 'to', array[b.ap_id], 'cc', '[]'::jsonb, 'bto', '[]'::jsonb,
           'bcc', '[]'::jsonb, 'state', 'accept'),
       a.ap_id, true, array[b.ap_id], pg_temp.as_time(made.ms), pg_temp.as_time(made.ms)
from relation r
join person a on a.n = r.follower and a.local
join person b on b.n = r.following,
lateral (select pg_temp.moment(1, 50, r.n::int * 1000) as ms) as made
where r.state = 2;

insert into notifications (user_id, activity_id, type, seen, inserted_at, updated_at)
select b.id, pg_temp.flake(made.ms, 2, r.n), 'follow', true, pg_temp.as_time(made.ms), pg_temp.as_time(made.ms)
from relation r
join person a on a.n = r.follower and a.local
join person b on b.n = r.following and b.local,
lateral (select pg_temp.moment(1, 50, r.n::int * 1000) as ms) as made
where r.state = 2;

-- Accounts number $1 to $2. Every other one is local; each of the others has a host of its own.
-- $3: whether the local accounts have confirmed their e-mail addresses.
insert into users (id, ap_id, nickname, name, bio, email, local, is_active, is_confirmed, confirmation_token,
    follower_address, uri, inbox, inserted_at, updated_at)
select (lpad(to_hex(1600000000000 + n), 16, '0') || 'beef' || lpad(to_hex(n), 12, '0'))::uuid,
       format('https://%s/users/member%s', host, n), case when local then 'member' || n else 'member' || n || '@' || host end,
       'Member ' || n, 'One of many.', case when local then format('member%s@social.example', n) end, local, true,
       $3 or not local, case when local and not $3 then 'token' || n end,
       format('https://%s/users/member%s/followers', host, n),
       case when not local then format('https://%s/users/member%s', host, n) end,
       case when not local then format('https://%s/inbox', host) end, now(), now()
from (select n, n % 2 = 0 as local, case when n % 2 = 0 then 'social.example' else format('host%s.example', n) end as host
      from generate_series($1::bigint, $2::bigint) as n) as numbered

-- Active local accounts in the order of their ids, with the counters that their rows have. $1: after this account,
-- $2: up to this one, $3: maximum number, $4: this account only, if it is given.
select id, nickname::text, ap_id, note_count::bigint as notes, follower_count::bigint as followers,
       following_count::bigint as following
from public.users
where local and is_active and nickname is not null and nickname not like 'internal.%'
  and id > $1 and id <= $2 and ($4::uuid is null or id = $4)
order by id
limit $3

-- As insert.sql, for Pleroma 2.1 and 2.2, which leave following_address empty and make keys later.
insert into public.users
  (id, nickname, name, email, bio, password_hash, ap_id, follower_address,
   confirmation_pending, approval_pending, confirmation_token,
   local, avatar, inserted_at, updated_at)
select $1, $2, $3, nullif($4, ''), $5, $6, $7, $7 || '/followers',
       not $8, not $9, $10,
       true, '{}', moment, moment
from date_trunc('second', timezone('UTC', now())) as moment

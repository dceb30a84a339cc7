-- As insert.sql, for Akkoma from 3.20 on. $11: address of the profile.
insert into public.users
  (id, nickname, name, email, bio, password_hash, ap_id, uri, inbox, outbox, follower_address, following_address,
   is_confirmed, is_approved, confirmation_token,
   local, avatar, inserted_at, updated_at)
select $1, $2, $3, nullif($4, ''), $5, $6, $7, $11, $7 || '/inbox', $7 || '/outbox', $7 || '/followers', $7 || '/following',
       $8, $9, $10,
       true, '{}', moment, moment
from date_trunc('second', timezone('UTC', now())) as moment

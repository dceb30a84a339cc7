-- A local account of Pleroma 2.3 and newer, or of Akkoma. What is not named here is the column's default. $1: id, $2:
-- nickname, $3: name, $4: e-mail address, $5: bio, $6: password hash, $7: address, $8: whether it is confirmed, $9: whether
-- it is approved, $10: confirmation token.
insert into public.users
  (id, nickname, name, email, bio, password_hash, ap_id, follower_address, following_address,
   is_confirmed, is_approved, confirmation_token,
   local, avatar, inserted_at, updated_at)
select $1, $2, $3, nullif($4, ''), $5, $6, $7, $7 || '/followers', $7 || '/following',
       $8, $9, $10,
       true, '{}', moment, moment
from date_trunc('second', timezone('UTC', now())) as moment

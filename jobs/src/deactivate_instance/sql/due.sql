-- The recorded accounts that the server is yet to be asked to reload, in order, and whether each is still inactive.
-- $1: instance; $2: after this account; $3: maximum number.
select noted.account, coalesce(not u.active, false)
from (select account from ostrakon.instance_accounts
      where instance = $1 and refresh_due and account > $2
      order by account limit $3) noted
left join lateral (select is_active as active from public.users where id = noted.account offset 0) u on true
order by noted.account

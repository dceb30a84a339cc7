-- Records that the server has been asked to reload accounts. $1: instance, $2: accounts. They are looked up one by one:
-- before the table is analyzed PostgreSQL assumes that an instance has few, and would read all of them for each batch.
update ostrakon.instance_accounts set refresh_due = false
where ctid = any (array(
    select noted.ctid from unnest($2::uuid[]) as given (account),
           lateral (select ctid from ostrakon.instance_accounts
                    where instance = $1 and account = given.account offset 0) noted))

-- Whose the database, the server's tables and schema ostrakon are. The catalogue only: it is there for every role.
with owner as (
    select r.oid, r.rolname from pg_database d join pg_roles r on r.oid = d.datdba
    where d.datname = current_database()
), ours (kind, name, owner) as (
    select 'schema', 'ostrakon', nspowner from pg_namespace where nspname = 'ostrakon'
    union all
    -- The sequence of an identity column belongs to its table.
    select 'table', c.oid::regclass::text, c.relowner from pg_class c
    where c.relnamespace = to_regnamespace('ostrakon') and c.relkind in ('r', 'p')
), not_owned as (
    select ours.* from ours, owner where ours.owner <> owner.oid
)
select current_user::text as role, owner.rolname::text as owner,
       pg_has_role(session_user, owner.oid, 'member') as may_become,
       coalesce((select pg_has_role(c.relowner, 'usage') from pg_class c
                 where c.oid = to_regclass('public.users')), false) as has_the_servers,
       -- For display only.
       array(select 'alter ' || kind || ' ' || name || ' owner to ' || quote_ident(owner.rolname) || ';'
             from not_owned order by kind, name) as not_owned,
       (select coalesce(bool_and(pg_has_role(not_owned.owner, 'usage')), true) from not_owned) as may_give
from owner

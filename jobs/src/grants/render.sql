-- Writes grants as statements; the database itself quotes the names.
-- $1: role; $2: tables, $3: the privilege on each, $4: columns, or '' for the whole table.
with public_lacks (place, what) as (
    -- PUBLIC has these unless an administrator revoked them.
    select 1, format('connect on database %I', current_database())
    where not has_database_privilege('public', current_database(), 'connect')
    union all
    select 2, 'usage on schema public' where not has_schema_privilege('public', 'public', 'usage')
    union all
    select 3, 'usage on schema ostrakon' where not has_schema_privilege('public', 'ostrakon', 'usage')
    union all
    -- Called by our statements, by the server's trigger and by the expressions of its indexes, and the functions behind
    -- the operators of citext and similar types.
    select 6, format('execute on function %s', p.oid::regprocedure)
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and not has_function_privilege('public', p.oid, 'execute')
      and (p.proname in ('activity_visibility', 'associated_object_id')
           or exists (select from pg_depend d
                      where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))
), wanted as (
    select w.n, w.privilege, w.columns, c.oid, format('%I.%I', s.nspname, c.relname) as name,
           s.nspname = 'public' as is_the_servers
    from (select relation, privilege, string_agg(columns, ' ' order by n) as columns, min(n) as n
          from unnest($2::text[], $3::text[], $4::text[]) with ordinality
               as every (relation, privilege, columns, n)
          group by relation, privilege) w
    join pg_class c on c.oid = to_regclass(w.relation)
    join pg_namespace s on s.oid = c.relnamespace
), given as (
    select n, name, privilege, columns, (
               -- System columns included: a role that may not read the whole table needs the privilege for them, too.
               select string_agg(quote_ident(a.attname), ', ' order by listed.n)
               from unnest(string_to_array(columns, ' ')) with ordinality as listed (name, n)
               join pg_attribute a
                 on a.attrelid = wanted.oid and a.attname = listed.name and not a.attisdropped
           ) as present
    from wanted
), sequences as (
    -- Sequence of a column's default, for columns that our inserts omit.
    select distinct format('%I.%I', s.nspname, q.relname) as name
    from wanted
    join pg_attrdef f on f.adrelid = wanted.oid
    join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
    join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
                    and d.refclassid = 'pg_class'::regclass
    join pg_class q on q.oid = d.refobjid and q.relkind = 'S'
    join pg_namespace s on s.oid = q.relnamespace
    where wanted.privilege = 'insert' and wanted.is_the_servers
      and a.attname <> all (string_to_array(wanted.columns, ' '))
), outgrown as (
    -- Privileges on whole tables that earlier versions of ostrakon granted, where columns are enough now. A role that
    -- has them as the table's owner keeps them.
    select distinct given.name, given.privilege
    from given
    join pg_class c on c.oid = to_regclass(given.name)
    join pg_roles r on r.rolname = $1 and r.oid <> c.relowner
    cross join lateral aclexplode(c.relacl) as acl
    where given.name like 'ostrakon.%' and given.privilege = 'insert' and given.columns <> ''
      and acl.grantee = r.oid and lower(acl.privilege_type) = given.privilege
), lines (place, n, form, what) as (
    -- Workers may be running meanwhile: without a transaction they would briefly lack the privileges.
    select 0, 0, 'begin;', '' where exists (select from outgrown)
    union all
    select 0, 1, 'revoke %s from %I;', format('%s on %s', privilege, name) from outgrown
    union all
    select 9, 0, 'commit;', '' where exists (select from outgrown)
    union all
    select place, 0, 'grant %s to %I;', what from public_lacks
    union all
    select 4, n, 'grant %s to %I;',
           format('%s%s on %s', privilege, coalesce(' (' || present || ')', ''), name)
    from given
    where columns = '' or present is not null
    union all
    select 5, row_number() over (order by name), 'grant %s to %I;', format('usage on sequence %s', name)
    from sequences
)
select format(form, what, $1::text) from lines order by place, n, what

-- What ostrakon's statements touch of the database, one line for each object.
-- $1: tables, $2: those of them that the statements write to, $3 and $4: columns that they name, each with its table,
-- $5: digests of the functions' bodies in the releases that are known.
with touched as (
    select to_regclass(name) as id, name = any ($2::text[]) as is_written
    from unnest($1::text[]) as name
    where to_regclass(name) is not null
), named as (
    select to_regclass(table_name) as id, column_name
    from unnest($3::text[], $4::text[]) as pair (table_name, column_name)
), trigger as (
    select tgrelid as id, tgfoid, pg_get_triggerdef(oid) as definition
    from pg_trigger
    where not tgisinternal and tgrelid in (select id from touched)
), function as (
    select tgfoid as id from trigger
    union
    select refobjid from pg_depend
    where refclassid = 'pg_proc'::regclass and classid = 'pg_class'::regclass
      and objid in (select indexrelid from pg_index where indrelid in (select id from touched))
), line as (
    select format('column %s.%I %s%s%s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
                  case when a.attnotnull then ' not null' end, ' default ' || pg_get_expr(d.adbin, d.adrelid))
    from touched
    join pg_attribute a on a.attrelid = touched.id and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where touched.is_written or (a.attrelid, a.attname) in (select id, column_name from named)
    union all
    select regexp_replace(lower(split_part(pg_get_indexdef(indexrelid), ' INDEX ', 1)), '^create ?(.*)$', '\1 index on ')
           || split_part(pg_get_indexdef(indexrelid), ' ON ', 2)
    from pg_index
    join pg_class i on i.oid = indexrelid
    -- The statements use no index of another kind, such as those for the search, which can be configured.
    join pg_am m on m.oid = i.relam and m.amname = 'btree'
    where indrelid in (select id from touched)
    union all
    select format('constraint on %s %s', conrelid::regclass, pg_get_constraintdef(oid))
    from pg_constraint
    where contype in ('c', 'f', 'x')
      and (conrelid in (select id from touched where is_written) or confrelid in (select id from touched))
    union all
    select definition from trigger
    union all
    select format('function %s language %s %s%s%s', p.oid::regprocedure, l.lanname,
                  case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
                  case when p.prosecdef then ' security definer' end,
                  ' with body ' || nullif(body.digest, known.digest))
    from function
    join pg_proc p on p.oid = function.id
    join pg_language l on l.oid = p.prolang
    cross join lateral (select left(md5(regexp_replace(p.prosrc, '\s+', '', 'g')), 16) as digest) as body
    left join unnest($5::text[]) as known (digest) on known.digest = body.digest
    where not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
      and p.pronamespace = 'public'::regnamespace
    union all
    select pg_get_ruledef(oid) from pg_rewrite where ev_class in (select id from touched)
    union all
    select format('row security of %s', oid::regclass) from pg_class
    where oid in (select id from touched) and relrowsecurity
    union all
    select format('%s is no plain table', oid::regclass) from pg_class
    where oid in (select id from touched) and (relkind <> 'r' or relhassubclass)
)
select distinct ltrim(replace(regexp_replace(line.format, '\s+', ' ', 'g'), 'public.', '')) as line from line order by 1

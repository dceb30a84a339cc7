-- What ostrakon's statements touch of the database, one line for each object, and whether it changes nothing for them if
-- it comes in addition.
-- $1: tables, $2: those of them that the statements write to, $3 and $4: columns that they name, each with its table,
-- $5: digests of the functions' bodies in the releases that are known.
with recursive touched as (
    select to_regclass(name) as id, name = any ($2::text[]) as is_written
    from unnest($1::text[]) as name
    where to_regclass(name) is not null
), named as (
    select to_regclass(table_name) as id, column_name
    from unnest($3::text[], $4::text[]) as pair (table_name, column_name)
), reached as (
    -- Tables whose rows go or change with those that the statements delete.
    select id from touched
    union
    select c.conrelid::regclass from reached
    join pg_constraint c on c.confrelid = reached.id and c.contype = 'f' and c.confdeltype in ('c', 'n', 'd')
), trigger as (
    select tgfoid, pg_get_triggerdef(oid) || case when tgenabled <> 'O' then ' enabled ' || tgenabled::text else '' end as line
    from pg_trigger
    where not tgisinternal and tgrelid in (select id from reached)
), function as (
    select tgfoid as id from trigger
    union
    select refobjid from pg_depend
    where refclassid = 'pg_proc'::regclass and classid = 'pg_class'::regclass
      and objid in (select indexrelid from pg_index where indrelid in (select id from touched))
), object (line, is_harmless) as (
    select format('column %s.%I %s%s%s%s%s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
                  case when a.attcollation <> t.typcollation then ' collate ' || a.attcollation::regcollation end,
                  case when a.attnotnull then ' not null' end,
                  case when a.attidentity <> '' then ' identity' end,
                  case a.attgenerated when '' then ' default ' else ' generated as ' end || pg_get_expr(d.adbin, d.adrelid)),
           false
    from touched
    join pg_attribute a on a.attrelid = touched.id and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where touched.is_written or (a.attrelid, a.attname) in (select id, column_name from named)
    union all
    -- An index that allows duplicates only makes statements quick. They use no index of another kind, such as those for
    -- the search, which can be configured.
    select case when x.indisunique then 'unique ' else '' end || 'index on '
           || regexp_replace(split_part(pg_get_indexdef(x.indexrelid), ' ON ', 2), ' WITH \([^)]*\)', '')
           || case when x.indimmediate then '' else ' deferrable' end,
           not x.indisunique
    from pg_index x
    join pg_class i on i.oid = x.indexrelid
    join pg_am m on m.oid = i.relam
    where x.indrelid in (select id from touched) and (x.indisunique or m.amname = 'btree' and x.indisvalid)
    union all
    -- Rows of another table that go with the ones that they refer to, or forget them.
    select format('constraint on %s %s', c.conrelid::regclass,
                  regexp_replace(pg_get_constraintdef(c.oid), '( (NOT )?DEFERRABLE| INITIALLY \w+| NOT VALID)+$', '')),
           c.contype = 'f' and c.confdeltype in ('c', 'n')
               and c.conrelid not in (select id from touched where is_written)
    from pg_constraint c
    where c.contype in ('c', 'f', 'x')
      and (c.conrelid in (select id from touched where is_written) or c.confrelid in (select id from reached))
    union all
    select line, false from trigger
    union all
    select format('function %s language %s %s%s%s%s%s', p.oid::regprocedure, l.lanname,
                  case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
                  case when p.prosecdef then ' security definer' end,
                  case when p.proisstrict then ' strict' end,
                  ' set ' || array_to_string(p.proconfig, ', '),
                  ' with body ' || nullif(body.digest, known.digest)),
           false
    from function
    join pg_proc p on p.oid = function.id
    join pg_language l on l.oid = p.prolang
    cross join lateral (
        select left(md5(regexp_replace(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), '\s+', '', 'g')), 16) as digest
    ) as body
    left join unnest($5::text[]) as known (digest) on known.digest = body.digest
    where not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
      and p.pronamespace = 'public'::regnamespace
    union all
    select pg_get_ruledef(oid), false from pg_rewrite where ev_class in (select id from touched)
    union all
    select format('row security of %s', oid::regclass), false from pg_class
    where oid in (select id from touched) and relrowsecurity
    union all
    select format('%s is no plain table', oid::regclass), false from pg_class
    where oid in (select id from touched) and (relkind <> 'r' or relhassubclass)
)
select ltrim(replace(regexp_replace(line, '\s+', ' ', 'g'), 'public.', '')) as line, bool_and(is_harmless) as is_harmless
from object
where line is not null
group by 1
order by 1

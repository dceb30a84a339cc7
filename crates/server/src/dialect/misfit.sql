-- What keeps a database from being one that ostrakon's statements for this dialect fit.
-- $1: tables with their schema, $2: a column of each, $3: whether the table may be missing,
-- $4: enum types, $5: a label of each, $6: the columns of users that are known.
with demanded as (
    select table_name, split_part(table_name, '.', 2) || '.' || column_name as name, column_name, optional
    from unnest($1::text[], $2::text[], $3::bool[]) as demand (table_name, column_name, optional)
)
select
    array(select distinct name from demanded
          where case
              when to_regclass(table_name) is null then not optional
              else not exists (
                  select from pg_attribute a
                  where a.attrelid = to_regclass(demanded.table_name) and a.attname = demanded.column_name)
          end
          order by name)
    || array(select 'label ' || quote_literal(label) || ' of ' || type_name
             from unnest($4::text[], $5::text[]) as demand (type_name, label)
             where not exists (
                 select from pg_enum e
                 where e.enumtypid = to_regtype('public.' || demand.type_name) and e.enumlabel = demand.label)
             order by type_name, label) as missing,
    array(select 'users.' || a.attname from pg_attribute a
          where a.attrelid = to_regclass('public.users') and a.attnum > 0 and not a.attisdropped
            and a.attname <> all ($6::text[])
          order by a.attnum) as unknown

-- $1: table. Columns that refer to it, in tables that are not small, without an index that begins with the column.
select c.conrelid::regclass::text as table_name, a.attname::text as column_name
from pg_constraint c
join pg_class t on t.oid = c.conrelid
join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
where c.contype = 'f' and c.confrelid = $1::text::regclass
  -- 1,000 pages of 8 KiB, or the rows that fit in there: reading them takes some milliseconds.
  and t.relpages > 1000
  and not exists (
      select from pg_index i
      where i.indrelid = c.conrelid and i.indkey[0] = a.attnum and i.indisvalid and i.indpred is null
  )
order by 1, 2

-- Rows per table. The two large tables are split by ActivityPub type.
select 'activities: ' || (data ->> 'type') as name, count(*) as rows from public.activities group by 1
union all
select 'objects: ' || (data ->> 'type'), count(*) from public.objects group by 1
union all
select 'users: ' || case when is_active then 'active' else 'inactive' end, count(*) from public.users group by 1
union all
select t.relname, (xpath('/row/n/text()', query_to_xml(
           format('select count(*) as n from public.%I', t.relname), false, true, '')))[1]::text::bigint
from pg_class t
where t.relnamespace = 'public'::regnamespace and t.relkind = 'r'
  and t.relname not in ('activities', 'objects', 'users', 'schema_migrations')
order by 1

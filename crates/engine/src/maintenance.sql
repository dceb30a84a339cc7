-- Tables by their place in the list $1, those that this database has.
select wanted.place,
       -- Roles that may run ANALYZE: the owners of table and database, and from PostgreSQL 17 on those that were
       -- granted MAINTAIN. Any other role only gets a warning.
       pg_has_role(c.relowner, 'usage') or pg_has_role(d.datdba, 'usage')
         or case when current_setting('server_version_num')::int >= 170000
                 then has_table_privilege(c.oid, 'maintain') else false end as may_analyze,
       coalesce(s.n_dead_tup, 0) as dead_rows,
       size.bytes,
       -- Dead rows are assumed to be as large as live ones.
       (size.bytes * coalesce(s.n_dead_tup::float8 / nullif(s.n_dead_tup + s.n_live_tup, 0), 0))::bigint
         as reusable_bytes
from unnest($1::text[]) with ordinality as wanted (name, place)
join pg_class c on c.oid = to_regclass(wanted.name)
join pg_database d on d.datname = current_database()
left join pg_stat_user_tables s on s.relid = c.oid
cross join lateral pg_relation_size(c.oid) as size (bytes)
order by wanted.place

-- What ostrakon relies on in each of its sessions, whatever was set for the role, for the database or
-- in postgresql.conf. Only in a session of its own: behind a transaction pooler the next client of the connection would
-- inherit it.
-- Sent as it is, before anything is prepared.
with wanted (name, value) as (
    values
        -- Batches, plans and recounts limit themselves; a plan for a large community takes time.
        ('statement_timeout', '0'),
        ('lock_timeout', '30s'),
        ('idle_in_transaction_session_timeout', '5min'),
        ('idle_session_timeout', '0'),
        ('transaction_timeout', '0'),
        -- Rows are locked and then read again: a snapshot of the whole transaction would refuse that.
        ('default_transaction_isolation', 'read committed'),
        ('default_transaction_deferrable', 'off'),
        -- The server's tables, and the types of its extensions.
        ('search_path', (
            select string_agg(format('%I', name), ', ' order by place)
            from (
                select 'public'::name as name, 1 as place
                union
                select nspname, 2 from pg_extension join pg_namespace on pg_namespace.oid = extnamespace
                where extname in ('citext', 'pg_trgm', 'uuid-ossp') and nspname not in ('public', 'pg_catalog')
                union
                select 'pg_temp', 3
            ) as places
        )),
        -- How literals are read and values are written.
        ('DateStyle', 'ISO, MDY'),
        ('IntervalStyle', 'postgres'),
        ('TimeZone', 'UTC'),
        ('bytea_output', 'hex'),
        ('extra_float_digits', '1'),
        ('standard_conforming_strings', 'on'),
        ('array_nulls', 'on'),
        ('transform_null_equals', 'off'),
        ('quote_all_identifiers', 'off'),
        ('client_min_messages', 'warning'),
        ('exit_on_error', 'off'),
        -- Every row that matches, and by the indexes.
        ('gin_fuzzy_search_limit', '0'),
        ('jit', 'off'),
        ('plan_cache_mode', 'auto'),
        ('enable_indexscan', 'on'),
        ('enable_indexonlyscan', 'on'),
        ('enable_bitmapscan', 'on'),
        ('enable_nestloop', 'on'),
        ('enable_hashjoin', 'on'),
        ('enable_mergejoin', 'on'),
        ('enable_hashagg', 'on'),
        ('enable_sort', 'on'),
        ('enable_seqscan', 'on'),
        ('from_collapse_limit', '8'),
        ('join_collapse_limit', '8'),
        -- What was reported as done must survive a crash; waiting for standbys is the owner's choice.
        ('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'local'
                               else current_setting('synchronous_commit') end)
)
select
    coalesce(current_setting('ostrakon.session', true), '') as session,
    -- A setting that this PostgreSQL does not have is skipped.
    (select count(set_config(name, value, false)) from wanted
     where current_setting('ostrakon.session', true) = 'own' and current_setting(name, true) <> value) as changed,
    pg_is_in_recovery() as in_recovery,
    current_setting('transaction_read_only')::bool as read_only,
    case when current_setting('default_transaction_read_only')::bool then
        (select case source
             when 'user' then 'for the role ' || session_user
             when 'database' then 'for the database ' || current_database()
             when 'database user' then 'for the role ' || session_user || ' in the database ' || current_database()
             when 'client' then 'by the options of database.url'
             else 'for the whole server'
         end from pg_settings where name = 'default_transaction_read_only')
    end as read_only_by,
    current_setting('session_replication_role') as replication_role,
    (current_setting('synchronous_standby_names') <> ''
     and current_setting('synchronous_commit') not in ('off', 'local')
     and not pg_is_in_recovery()
     -- The state of a standby is NULL if the role may not see it; the standby is there.
     and not exists (select from pg_stat_replication where coalesce(sync_state, 'sync') in ('sync', 'quorum'))
    ) as misses_standby

-- $1 queued runs for hosts without any account, and as many that succeeded about a day ago. Their
-- events are inserted in enqueue.rs.
insert into ostrakon.runs (id, job, class, payload, subject, dedupe_key, status, plan, total, done, requested_by,
    created_at, available_at, started_at, finished_at)
select '01' || lpad(upper(to_hex(n)), 24, '0'), 'deactivate_instance', 'long', jsonb_build_object('host', host), host,
       'deactivate_instance:' || host, case when n <= $1 then 'succeeded' else 'queued' end,
       '{"counts": [{"kind": "accounts", "items": 1}], "notes": [], "total": 1}', 1, (n <= $1)::int, 'bench@localhost',
       asked.at, asked.at, case when n <= $1 then asked.at end, case when n <= $1 then asked.at end
from generate_series(1, $1 * 2) as n,
lateral (select 'queued' || n || '.example' as host, now() - interval '1 day' + n * interval '10 ms' as at) as asked

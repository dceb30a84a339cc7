-- Rows per table and a digest of them, without what always differs: new ids, times of writing. The
-- digest is a sum, so that it does not depend on the order of rows.
with line (name, line) as (
    select 'activities', case when data ->> 'type' in ('Delete', 'Undo')
        then (data - 'id')::text || actor || recipients::text || local else a::text end
    from public.activities a
    union all select 'objects', id || (data - 'deleted')::text from public.objects
    union all select 'users', (to_jsonb(u) - 'updated_at')::text from public.users u
    -- ostrakon spreads deliveries over time, which makes them `scheduled`.
    union all select 'oban_jobs', concat_ws(' ', nullif(nullif(state, 'scheduled'), 'available'), queue, worker, max_attempts, priority, args - 'activity_id')
    from public.oban_jobs
    -- With these jobs ostrakon makes the server reload accounts; the bare procedure does not notify
    -- the server.
    where worker <> 'Pleroma.Workers.BackgroundWorker'
    union all select 'following_relationships', t::text from public.following_relationships t
    union all select 'hashtags', t::text from public.hashtags t
    union all select 'hashtags_objects', t::text from public.hashtags_objects t
    union all select 'notifications', t::text from public.notifications t
    union all select 'bookmarks', t::text from public.bookmarks t
    union all select 'chat_message_references', t::text from public.chat_message_references t
    union all select 'counter_cache', t::text from public.counter_cache t
    union all select 'publish jobs', count(distinct args ->> 'activity_id')::text from public.oban_jobs
    where args ? 'activity_id'
)
select name, count(*) as rows, sum(hashtextextended(line, 0)::numeric)::text as digest
from line group by name order by name

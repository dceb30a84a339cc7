-- As attachment_jobs.sql, for Akkoma: of posts with attachments, and $2 seconds later.
insert into public.oban_jobs (queue, worker, args, max_attempts, priority, state, scheduled_at)
select 'attachments_cleanup', 'Pleroma.Workers.AttachmentsCleanupWorker',
       jsonb_build_object('op', 'cleanup_attachments',
           'actor', case when jsonb_typeof(o.data -> 'actor') = 'string' then o.data -> 'actor' end,
           'attachments', o.data -> 'attachment'), 1, 0,
       'scheduled', timezone('UTC', now()) + make_interval(secs => $2)
from unnest($1::bigint[]) with ordinality as given (row, n)
join public.objects o on o.id = given.row
where case when jsonb_typeof(o.data -> 'attachment') = 'array' then jsonb_array_length(o.data -> 'attachment') > 0 end
order by given.n

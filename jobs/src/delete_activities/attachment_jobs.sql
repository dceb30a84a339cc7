-- Jobs that remove the files of posts; $1: their rows, $2: queue, $3: tries.
insert into public.oban_jobs (queue, worker, args, max_attempts, priority, state, scheduled_at)
select $2, 'Pleroma.Workers.AttachmentsCleanupWorker',
       jsonb_build_object('op', 'cleanup_attachments', 'object', jsonb_build_object('data', o.data)), $3, 0,
       'available', timezone('UTC', now())
from unnest($1::bigint[]) with ordinality as given (row, n)
join public.objects o on o.id = given.row
order by given.n

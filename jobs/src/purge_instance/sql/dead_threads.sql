-- $1: threads, $2: activities that are removed now. The threads of which no post is left.
select thread.context from unnest($1::text[]) as thread (context)
where not exists (select from public.activities a
                  where a.data ->> 'type' = 'Create' and a.data ->> 'context' = thread.context and a.id <> all ($2))

-- Pleroma 2.2 has a row for each context; $1: Follows, $2: contexts for those without one.
insert into public.objects (data, inserted_at, updated_at)
select jsonb_build_object('id', case when jsonb_typeof(f.data -> 'context') = 'string' then f.data ->> 'context'
                                     else given.context end),
       moment, moment
from unnest($1::uuid[], $2::text[]) with ordinality as given (follow, context, n)
join public.activities f on f.id = given.follow,
     date_trunc('second', timezone('UTC', now())) as moment
order by given.n
on conflict ((data ->> 'id')) do nothing

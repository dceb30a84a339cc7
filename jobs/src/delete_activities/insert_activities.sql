-- $1: ids, $2: data, $3: actor. Recipients are `to`, then `cc`, as the activity says.
insert into public.activities (id, data, actor, recipients, local, inserted_at, updated_at)
select new.id, new.data, $3,
       array(select jsonb_array_elements_text(new.data -> 'to' || (new.data -> 'cc'))),
       true, moment, moment
from unnest($1::uuid[], $2::jsonb[]) as new (id, data),
     date_trunc('second', timezone('UTC', now())) as moment

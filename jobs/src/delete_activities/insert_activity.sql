-- $1: id, $2: data, $3: actor. Recipients are `to`, then `cc`, as the activity says.
insert into public.activities (id, data, actor, recipients, local, inserted_at, updated_at)
select $1, new.data, $3,
       array(select jsonb_array_elements_text(new.data -> 'to' || (new.data -> 'cc'))),
       true, moment, moment
from (select $2::jsonb as data) as new, date_trunc('second', timezone('UTC', now())) as moment

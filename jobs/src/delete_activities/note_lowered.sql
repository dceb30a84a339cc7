-- $1: objects, $2: by how much their counters of replies were lowered, $3: to what, $4 and $5: the same of quotes.
-- Each run's note takes into account what every run lowers: a late write may undo one run's update before another run's
-- batch.
with lowered as materialized (
    select * from unnest($1::bigint[], $2::int[], $3::bigint[], $4::int[], $5::bigint[])
                 as lowered (object, replies, replies_left, quotes, quotes_left)
), others as materialized (
    select other.object, other.run_id
    from lowered,
         lateral (select object, run_id from ostrakon.lowered_counters
                  where object = lowered.object and run_id <> current_setting('ostrakon.run_id') offset 0) as other
), lowered_for_others as (
    update ostrakon.lowered_counters noted
    set replies_before = least(noted.replies_before, lowered.replies_left + lowered.replies + noted.replies_lost),
        replies_lost = noted.replies_lost + lowered.replies,
        quotes_before = least(noted.quotes_before, lowered.quotes_left + lowered.quotes + noted.quotes_lost),
        quotes_lost = noted.quotes_lost + lowered.quotes
    from lowered
    where noted.object = lowered.object
      -- By these values, not by a join, which may read all existing notes.
      and noted.object = any (array(select object from others)) and noted.run_id = any (array(select run_id from others))
)
insert into ostrakon.lowered_counters as noted (run_id, object, replies_before, replies_lost, quotes_before, quotes_lost)
select current_setting('ostrakon.run_id'), object, replies_left + replies, replies, quotes_left + quotes, quotes
from lowered
on conflict (run_id, object) do update
set replies_before = least(noted.replies_before, excluded.replies_before + noted.replies_lost),
    replies_lost = noted.replies_lost + excluded.replies_lost,
    quotes_before = least(noted.quotes_before, excluded.quotes_before + noted.quotes_lost),
    quotes_lost = noted.quotes_lost + excluded.quotes_lost

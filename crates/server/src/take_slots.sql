-- Takes the next slots for deliveries; gives the second that is now (UTC), and how many slots from
-- its beginning were taken before. $1: slots of a second, $2: how many are wanted.
with clock as (
    -- By its key: PostgreSQL expects thousands of rows in a table that was never analyzed.
    select second, taken from ostrakon.delivery_schedule where only_row for update
), moment as (
    -- Read after the lock was acquired, which may have taken a while.
    select second, taken, date_trunc('second', clock_timestamp()) as this from clock
), start as (
    -- A clock that is behind the current second has no slots taken ahead.
    select this, greatest(0, extract(epoch from second - this)::bigint * $1 + least(taken, $1)) as ahead
    from moment
)
update ostrakon.delivery_schedule
set second = this + make_interval(secs => (ahead + $2 - 1) / $1),
    taken = (ahead + $2 - 1) % $1 + 1
from start
where only_row
returning timezone('UTC', this), ahead

-- $1: author, $2: public posts lost, $3: activities that cannot be pinned any more.
-- Only a lost pin touches updated_at, as on the server.
update public.users
set note_count = greatest(0, note_count - $2),
    pinned_activities = array(
        select pin from unnest(pinned_activities) with ordinality as pins (pin, n)
        where pin <> all ($3) order by n),
    updated_at = case when pinned_activities && $3 then date_trunc('second', timezone('UTC', now()))
                      else updated_at end
where ap_id = $1 and ($2 > 0 or pinned_activities && $3)

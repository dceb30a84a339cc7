-- $1: author, $2: public posts lost, $3: objects that cannot be pinned any more.
-- Only a lost pin touches updated_at, as on the server.
update public.users
set note_count = greatest(0, note_count - $2),
    pinned_objects = pinned_objects - $3::text[],
    updated_at = case when pinned_objects ?| $3 then date_trunc('second', timezone('UTC', now()))
                      else updated_at end
where ap_id = $1 and ($2 > 0 or pinned_objects ?| $3)

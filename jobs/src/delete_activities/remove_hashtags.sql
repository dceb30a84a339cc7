-- $1: hashtags that lost a use.
delete from public.hashtags h
where h.id = any ($1)
  and not exists (select from public.hashtags_objects used where used.hashtag_id = h.id)

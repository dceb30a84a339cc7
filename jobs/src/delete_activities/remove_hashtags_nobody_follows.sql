-- $1: hashtags that lost a use. One that somebody follows stays: its foreign key does not cascade.
delete from public.hashtags h
where h.id = any ($1)
  and not exists (select from public.hashtags_objects used where used.hashtag_id = h.id)
  and not exists (select from public.user_follows_hashtag followed where followed.hashtag_id = h.id)

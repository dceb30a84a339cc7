-- $1: accounts that stay. Their counters of posts never exceed the posts that are left here.
update public.users u
set note_count = least(u.note_count, counted.posts)
from unnest($1::uuid[]) as given (id),
     lateral (select ap_id, note_count from public.users where id = given.id offset 0) account,
     lateral (select count(*) as posts from public.objects o
              where o.data ->> 'actor' = account.ap_id and o.data ->> 'type' not in ('Answer', 'ChatMessage', 'Tombstone')
              offset 0) counted
where u.id = given.id and account.note_count > counted.posts

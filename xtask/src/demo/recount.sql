-- What must be true after the runs: each line has the expected and the actual number. It uses none
-- of ostrakon's own statements.
with own as (
    select * from before.own
), account as (
    select * from public.users where nickname = 'prolific'
), spam as (
    select * from public.users where nickname::text like '%@spam.example'
), made as (
    select a.data ->> 'type' as type, a.data ->> 'object' as object
    from public.activities a join account on account.ap_id = a.actor
    where a.data ->> 'type' in ('Delete', 'Undo')
), undone as (
    -- A like of an own post is deleted with that post.
    select * from own where type <> 'Create' and object not in (select object from own where type = 'Create')
)
select 'posts, likes and boosts of the account' as what, 0::bigint as expected, count(*) as found
from public.activities a join account on account.ap_id = a.actor
where a.data ->> 'type' in ('Create', 'Like', 'Announce')
union all
select 'its posts'' objects that are Tombstones', (select count(*) from own where type = 'Create'), count(*)
from public.objects o
where o.data ->> 'id' in (select object from own where type = 'Create') and o.data ->> 'type' = 'Tombstone'
  and not o.data ?| array['content', 'actor', 'likes', 'tag', 'attachment']
union all
select 'posts with exactly one Delete', (select count(*) from own where type = 'Create'), count(*)
from (select own.object from own join made on made.type = 'Delete' and made.object = own.object
      where own.type = 'Create' group by own.object having count(*) = 1) as deleted
union all
select 'likes and boosts with exactly one Undo', (select count(*) from undone), count(*)
from (select undone.ap_id from undone join made on made.type = 'Undo' and made.object = undone.ap_id
      group by undone.ap_id having count(*) = 1) as taken_back
union all
select 'Deletes and Undos', (select count(*) from own where type = 'Create') + (select count(*) from undone), count(*)
from made
union all
select 'activities about its posts, by anybody, that are not Deletes', 0, count(*)
from public.activities a
where a.data ->> 'object' in (select object from own where type = 'Create') and a.data ->> 'type' <> 'Delete'
union all
select 'posts that it still counts', 0, note_count::bigint from account
union all
select 'posts that it still pins', 0, count(*) from account, jsonb_object_keys(pinned_objects)
union all
select 'hashtags without use', 0, count(*)
from public.hashtags h where not exists (select from public.hashtags_objects u where u.hashtag_id = h.id)
union all
select 'hashtags on Tombstones', 0, count(*)
from public.hashtags_objects u join public.objects o on o.id = u.object_id where o.data ->> 'type' = 'Tombstone'
union all
select 'chats that show Tombstones', 0, count(*)
from public.chat_message_references c join public.objects o on o.id = c.object_id where o.data ->> 'type' = 'Tombstone'
union all
select 'posts of others whose likes, boosts, replies or quotes are miscounted', 0, count(*)
from public.objects o
join before.concerned c on c.ap_id = o.data ->> 'id'
where o.data ->> 'type' <> 'Tombstone' and (
    coalesce((o.data ->> 'like_count')::bigint, 0) <> coalesce(jsonb_array_length(o.data -> 'likes'), 0)
    or coalesce((o.data ->> 'announcement_count')::bigint, 0) <> coalesce(jsonb_array_length(o.data -> 'announcements'), 0)
    or o.data -> 'likes' @> (select jsonb_build_array(ap_id) from account)
    or o.data -> 'announcements' @> (select jsonb_build_array(ap_id) from account)
    or coalesce((o.data ->> 'repliesCount')::bigint, 0)
        <> (select count(*) from public.objects r where r.data ->> 'inReplyTo' = o.data ->> 'id')
    or coalesce((o.data ->> 'quotesCount')::bigint, 0)
        <> (select count(*) from public.objects q where q.data -> 'quoteUrl' = o.data -> 'id'))
union all
select 'hosts whose posts are miscounted', 0, count(*)
from public.counter_cache c
left join (select split_part(actor, '/', 3) as host,
                  count(*) filter (where reach = 'public') as public, count(*) filter (where reach = 'unlisted') as unlisted,
                  count(*) filter (where reach = 'private') as private, count(*) filter (where reach = 'direct') as direct
           from (select actor, activity_visibility(actor, recipients, data) as reach
                 from public.activities where data ->> 'type' = 'Create') as posted
           group by 1) as counted on counted.host = c.instance
where (c.public, c.unlisted, c.private, c.direct) is distinct from
      (coalesce(counted.public, 0), coalesce(counted.unlisted, 0), coalesce(counted.private, 0), coalesce(counted.direct, 0))
union all
select 'active accounts of spam.example', 0, count(*) from spam where is_active
union all
select 'accepted relations from them to active local accounts', 0, count(*)
from public.following_relationships r join spam on spam.id = r.follower_id
join public.users u on u.id = r.following_id
where r.state = 2 and u.local and u.is_active
union all
select 'inactive accounts of hosts that only look alike', 0, count(*)
from public.users where not local and nickname::text not like '%@spam.example' and not is_active
union all
select 'local accounts whose followers or followed are miscounted', 0, count(*)
from public.users u
where u.local and u.is_active and (u.follower_count, u.following_count) is distinct from (
    (select count(*)::int from public.following_relationships r join public.users f on f.id = r.follower_id
     where r.following_id = u.id and r.state = 2 and f.is_active and f.id <> u.id),
    (select count(*)::int from public.following_relationships r join public.users f on f.id = r.following_id
     where r.follower_id = u.id and r.state = 2 and f.is_active and f.id <> u.id))
union all
select 'activities that had to stay as they were', count(*), count(a.id)
from before.activities b left join public.activities a on a.id = b.id and md5(a::text) = b.digest
union all
select 'objects that had to stay as they were', count(*), count(o.id)
from before.objects b left join public.objects o on o.id = b.id and md5(o::text) = b.digest
union all
select 'accounts that had to stay as they were', count(*), count(u.id)
from before.users b left join public.users u on u.id = b.id and md5(u::text) = b.digest
union all
select 'follow relations that had to stay as they were', count(*), count(r.id)
from before.relations b left join public.following_relationships r on r.id = b.id and md5(r::text) = b.digest
union all
select 'notifications that had to stay as they were', count(*), count(n.id)
from before.notifications b left join public.notifications n on n.id = b.id and md5(n::text) = b.digest
union all
select 'bookmarks that had to stay as they were', count(*), count(k.id)
from before.bookmarks b left join public.bookmarks k on k.id = b.id and md5(k::text) = b.digest

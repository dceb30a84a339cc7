-- Posts with their authors, and reactions to them. Creates pg_temp.post and pg_temp.reaction;
-- writes no rows of the server.
--
-- Numbers of posts: up to `posts` those of the prolific account, then the posts of others, then
-- replies of others to the prolific account, then votes of others in its polls.

create temp table draft on commit drop as
with counts as (select posts, posts * 3 / 5 as foreign_posts, posts / 5 as replies, authors from seed),
own as (
    select i as n, 1 + (i % authors)::int as author, pg_temp.dice(i, 1, 100) as kind, pg_temp.dice(i, 2, 100) as reach,
           posts + greatest(1, i * foreign_posts / posts) as foreign_post,
           -- Every fiftieth own post begins a thread.
           nullif(i - i % 50, 0) as thread, i % 50 = 0 as begins, pg_temp.moment(i, posts, 500) as ms
    from counts, generate_series(1, posts::bigint) as i
), decided as (
    select n, author, ms,
           case when begins or kind <= 43 or (thread is null and kind between 64 and 81) then 'note'
                when kind <= 63 then 'reply' when kind <= 73 then 'own reply' when kind <= 78 then 'quote'
                when kind <= 81 then 'own quote' when kind <= 88 then 'direct' when kind <= 91 then 'poll'
                when kind <= 94 then 'chat' when kind <= 98 then 'pictures' else 'vote'
           end as kind,
           case when reach <= 71 then 'public' when reach <= 85 then 'unlisted' else 'private' end as audience,
           foreign_post, thread
    from own
)
select n, author, ms, kind,
       case when kind in ('direct', 'chat', 'vote') then 'direct' else audience end as audience,
       case kind when 'reply' then foreign_post when 'own reply' then thread
                 -- Every fortieth post of others is a poll.
                 when 'vote' then posts + greatest(40, (foreign_post - posts) / 40 * 40) end as parent,
       case kind when 'quote' then foreign_post when 'own quote' then thread end as quoted,
       case kind when 'direct' then 2 + pg_temp.dice(n, 3, locals + others - 1)
                 when 'chat' then 2 + pg_temp.dice(n, 3, 12) end as addressed
from decided, seed
union all
select posts + j,
       case when j % 40 = 7 then locals + others + 1 + pg_temp.dice(j, 4, spam_accounts)
            else 2 + pg_temp.dice(j, 4, locals + others - 1) end,
       pg_temp.moment(j, foreign_posts, 0), case when j % 40 = 0 then 'poll' else 'note' end,
       case when j % 40 = 0 or pg_temp.dice(j, 5, 10) < 8 then 'public' else 'unlisted' end, null, null, null
from counts join seed using (posts), generate_series(1, foreign_posts) as j
union all
select posts + foreign_posts + k, 2 + pg_temp.dice(k, 6, locals + others - 1),
       pg_temp.moment(greatest(1, k * posts / replies), posts, 40000), 'reply', 'public',
       greatest(1, k * posts / replies), null, null
from counts join seed using (posts), generate_series(1, replies::bigint) as k;

-- Other accounts cannot reply to a direct post or a vote: they reply to the first post of its
-- thread.
update draft reply set parent = nullif(reply.parent - reply.parent % 50, 0)
from draft parent, seed
where parent.n = reply.parent and parent.audience = 'direct' and reply.n > seed.posts;

insert into draft (n, author, ms, kind, audience, parent)
select (select max(n) from draft) + row_number() over (order by poll.n), 2 + pg_temp.dice(poll.n, 7, locals - 1),
       poll.ms + 60000, 'vote', 'direct', poll.n
from draft poll, seed where poll.kind = 'poll' and poll.author = 1;
create unique index on draft (n);
analyze draft;

create temp table post on commit drop as
select d.n, d.author, d.ms, d.kind, d.audience, d.parent, d.quoted,
       a.local, a.ap_id as actor, a.followers, a.id as author_id,
       coalesce(d.addressed, parent.author) as addressed, addressee.ap_id as addressee,
       pg_temp.flake(d.ms, 3, d.n) as activity, pg_temp.as_time(d.ms) as at,
       format('https://%s/objects/%s', a.host, md5('object' || d.n)::uuid) as object,
       format('https://social.example/contexts/%s', md5('context' || coalesce(
           oldest.parent, grandparent.parent, parent.parent, d.parent, d.n))::uuid) as context,
       case when d.kind in ('note', 'pictures', 'quote') and d.audience in ('public', 'unlisted') then
           case pg_temp.dice(d.n, 8, 10)
               when 0 then array['topic' || pg_temp.dice(d.n, 9, 50)]
               when 1 then array['topic' || pg_temp.dice(d.n, 9, 50), 'person' || d.author || 'x' || pg_temp.dice(d.n, 10, 60)]
           end
       end as tags
from draft d
join person a on a.n = d.author
left join draft parent on parent.n = d.parent
left join draft grandparent on grandparent.n = parent.parent
left join draft oldest on oldest.n = grandparent.parent
left join person addressee on addressee.n = coalesce(d.addressed, parent.author);
create unique index on post (n);
analyze post;

-- Each account reacts to a post at most once in each way.
create temp table reaction on commit drop as
with popular as (
    select n, author, ms, n <= (select posts from seed) as own, pg_temp.dice(n, 11, 1000) as chance
    from post where audience in ('public', 'unlisted')
), wanted as (
    select n, ms, 'Like' as type, case when own then
        case when chance < 2 then 60 when chance < 80 then 4 when chance < 400 then 1 else 0 end
        else case when chance < 300 then 1 else 0 end end as times
    from popular
    union all
    select n, ms, 'Announce', case when own and chance < 2 then 20 when chance % 10 = 3 then 1 else 0 end from popular
    union all
    select n, ms, 'EmojiReact', case when chance % 16 = 5 then 1 else 0 end from popular
), made as (
    -- Not by the prolific account, and each by a different account.
    select w.n as post, w.type, 2 + (w.n * 31 + k)::int % (locals + others - 1) as actor,
           w.ms + 1000000 + k * 60000 as ms
    from wanted w, seed, generate_series(1, w.times) as k
    union all
    select posts + r * 6, 'Like', 1, ms + 300000 from seed, generate_series(1, posts / 10) as r, post
    where post.n = posts + r * 6
    union all
    select posts + r * 12, 'Announce', 1, ms + 310000 from seed, generate_series(1, posts / 20) as r, post
    where post.n = posts + r * 12
    union all
    select n, 'Like', 1, ms + 320000 from popular where own and n % 150 = 0
)
select row_number() over (order by m.ms) as n, m.post, m.type, m.actor as person, m.ms, a.local, a.ap_id as actor,
       a.followers, a.host, pg_temp.flake(m.ms, 4, row_number() over (order by m.ms)) as activity,
       (array['🔥', '👍', '😂'])[1 + m.post % 3] as emoji
from made m
join person a on a.n = m.actor;
create index on reaction (post);
analyze reaction;

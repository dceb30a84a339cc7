-- Rows that depend on accounts, posts and reactions: notifications, bookmarks, hashtags, chats,
-- counters.

insert into notifications (user_id, activity_id, type, seen, inserted_at, updated_at)
select n.user_id, n.activity, n.type::notification_type, pg_temp.dice(row_number() over (order by n.activity), 18, 4) > 0, n.at, n.at
from (
    select author.id as user_id, r.activity, pg_temp.as_time(r.ms) as at, case r.type
        when 'Like' then 'favourite' when 'Announce' then 'reblog' else 'pleroma:emoji_reaction' end as type
    from reaction r join post p on p.n = r.post join person author on author.n = p.author
    where author.local and r.person <> author.n
    union all
    select addressee.id, p.activity, p.at, case when p.kind = 'chat' then 'pleroma:chat_mention' else 'mention' end
    from post p join person addressee on addressee.n = p.addressed
    where addressee.local and addressee.n <> p.author and p.kind <> 'vote'
) as n
order by n.activity;

insert into bookmarks (user_id, activity_id, inserted_at, updated_at)
select reader.id, p.activity, p.at, p.at
from seed, post p join person reader on reader.local
where p.audience = 'public' and p.n % 40 = 3 and reader.n = 1 + pg_temp.dice(p.n, 19, seed.locals);

insert into hashtags (name, inserted_at, updated_at)
select tag, min(at), min(at) from post, unnest(tags) as tag group by tag order by min(at), tag;
insert into hashtags_objects (hashtag_id, object_id)
select h.id, o.id from post p join object o on o.n = p.n, unnest(p.tags) as tag join hashtags h on h.name = tag;

insert into conversations (ap_id, inserted_at, updated_at)
select context, min(at), max(at) from post where kind = 'direct' group by context;
insert into conversation_participations (user_id, conversation_id, read, inserted_at, updated_at)
select distinct person.id, c.id, true, c.inserted_at, c.updated_at
from post p
join conversations c on c.ap_id = p.context
join person on person.n in (p.author, p.addressed) and person.local
where p.kind = 'direct';
insert into conversation_participation_recipient_ships (user_id, participation_id)
select distinct person.id, participation.id
from post p
join conversations c on c.ap_id = p.context
join conversation_participations participation on participation.conversation_id = c.id
join person on person.n in (p.author, p.addressed)
where p.kind = 'direct';

-- Each of the two participants has a chat.
insert into chats (id, user_id, recipient, inserted_at, updated_at)
select pg_temp.flake(pg_temp.moment(1, 40, 0), 5, row_number() over (order by a.n, b.n)), a.id, b.ap_id, first.at, first.at
from (select author, addressed, min(at) as at from post where kind = 'chat' group by 1, 2) as first
join person a on a.n in (first.author, first.addressed)
join person b on b.n in (first.author, first.addressed) and b.n <> a.n;
insert into chat_message_references (id, chat_id, object_id, unread, inserted_at, updated_at)
select pg_temp.flake(p.ms, 6, row_number() over (order by p.n, c.id)), c.id, o.id, c.user_id <> p.author_id, p.at, p.at
from post p
join object o on o.n = p.n
join chats c on (c.user_id = p.author_id and c.recipient = p.addressee)
             or (c.recipient = p.actor and c.user_id = (select id from person where n = p.addressed))
where p.kind = 'chat';

-- Counts what the trigger would have counted. The trigger was off: it costs more than everything
-- else.
insert into counter_cache (instance, public, unlisted, private, direct)
select split_part(actor, '/', 3), count(*) filter (where reach = 'public'), count(*) filter (where reach = 'unlisted'),
       count(*) filter (where reach = 'private'), count(*) filter (where reach = 'direct')
from (select actor, activity_visibility(actor, recipients, data) as reach from activities where data ->> 'type' = 'Create')
     as posted
group by 1;

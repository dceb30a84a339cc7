-- Turns pg_temp.person, post and reaction into rows of the server.

-- Before the activities: one of their indexes reads their authors.
insert into users (id, ap_id, nickname, name, bio, email, password_hash, keys, public_key, local, is_active, avatar,
    follower_address, following_address, featured_address, uri, inbox, shared_inbox, accepts_chat_messages,
    note_count, follower_count, following_count, pinned_objects, last_status_at, last_refreshed_at,
    last_digest_emailed_at, inserted_at, updated_at)
select a.id, a.ap_id, a.nickname, initcap(a.name), 'What ' || a.name || ' likes to read about.',
       case when a.local then a.name || '@social.example' end,
       case when a.local then '<no password>' end, case when a.local then '<private key>' end,
       case when not a.local then '<public key>' end, a.local, a.active, '{}',
       a.followers, a.ap_id || '/following', a.ap_id || '/collections/featured',
       case when not a.local then a.ap_id end, case when not a.local then a.ap_id || '/inbox' end,
       case when not a.local then format('https://%s/inbox', a.host) end, case when a.local then true end,
       coalesce(posted.notes, 0), coalesce(followed.count, 0), coalesce(following.count, 0),
       coalesce(pinned.objects, '{}'), posted.last_at, case when not a.local then born.at end,
       born.at, born.at, born.at
from person a
cross join lateral (select pg_temp.as_time(pg_temp.moment(0, 1, a.n * 1000)) as at) as born
left join (select author, count(*) filter (where audience in ('public', 'unlisted')) as notes, max(at) as last_at
           from post group by author) as posted on posted.author = a.n
left join (select r.following, count(*) from relation r join person f on f.n = r.follower and f.active
           where r.state = 2 group by r.following) as followed on followed.following = a.n
left join (select r.follower, count(*) from relation r join person f on f.n = r.following and f.active
           where r.state = 2 group by r.follower) as following on following.follower = a.n
left join (select author, jsonb_object_agg(object, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) as objects
           from (select author, object, at, row_number() over (partition by author order by n desc) as place
                 from post where kind = 'note' and audience = 'public' and local) as newest
           where place <= 5 and (author = 1 or author % 10 = 2) group by author) as pinned on pinned.author = a.n
order by a.n;

create temp table sentence on commit drop as
select k as n, string_agg((array['the', 'garden', 'of', 'a', 'quiet', 'town', 'was', 'full', 'rain', 'and', 'people', 'who',
    'walked', 'slowly', 'under', 'old', 'trees', 'while', 'somebody', 'played', 'music', 'near', 'river', 'bridge', 'we',
    'talked', 'about', 'servers', 'bread', 'winter', 'trains', 'books', 'never', 'finished', 'cats', 'watching', 'window',
    'coffee', 'morning', 'light'])[1 + pg_temp.dice(k * 22 + w, 12, 40)], ' ' order by w) || '.' as text
from generate_series(1, 300) as k, generate_series(1, 22) as w group by k;

create function pg_temp.addresses(audience text, followers text, addressee text, first boolean) returns jsonb
language sql immutable as $$
    select to_jsonb(array_remove(case
        when audience = 'public' and first then array['https://www.w3.org/ns/activitystreams#Public', addressee]
        when audience = 'unlisted' and first then array[followers, addressee]
        when audience = 'private' and first then array[followers, addressee]
        when first then array[addressee]
        when audience = 'public' then array[followers]
        when audience = 'unlisted' then array['https://www.w3.org/ns/activitystreams#Public']
        else array[]::text[] end, null))
$$;

-- 200 to 600 characters each.
create temp table written on commit drop as
select p.n, concat_ws(' ', a.text, b.text, case when p.n % 2 = 0 then c.text end, case when p.n % 3 = 0 then d.text end) as content
from post p
join sentence a on a.n = 1 + pg_temp.dice(p.n, 14, 300)
join sentence b on b.n = 1 + pg_temp.dice(p.n, 15, 300)
join sentence c on c.n = 1 + pg_temp.dice(p.n, 16, 300)
join sentence d on d.n = 1 + pg_temp.dice(p.n, 17, 300);

create temp table object on commit drop as
with received as (
    select post,
           jsonb_agg(actor order by n desc) filter (where type = 'Like') as likes,
           jsonb_agg(actor order by n desc) filter (where type = 'Announce') as announcements,
           jsonb_agg(jsonb_build_array(emoji, jsonb_build_array(actor), null)) filter (where type = 'EmojiReact') as reactions
    from reaction group by post
), answered as (
    select parent as n, count(*) as replies from post where parent is not null group by parent
), quoted as (
    select quoted as n, count(*) as quotes from post where quoted is not null group by quoted
), voted as (
    select parent as n, jsonb_agg(distinct actor) as voters, count(*) as votes from post where kind = 'vote' group by parent
)
select row_number() over (order by p.ms, p.n) as id, p.n, p.at, jsonb_strip_nulls(jsonb_build_object(
    'likes', r.likes, 'like_count', jsonb_array_length(r.likes),
    'announcements', r.announcements, 'announcement_count', jsonb_array_length(r.announcements),
    'reactions', r.reactions, 'reaction_count', jsonb_array_length(r.reactions),
    'repliesCount', answered.replies, 'quotesCount', quoted.quotes, 'voters', voted.voters,
    'inReplyTo', parent.object, 'quoteUrl', original.object
)) || jsonb_build_object(
    'id', p.object, 'actor', p.actor, 'published', to_char(p.at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'to', case when p.kind = 'vote' then '[]' else pg_temp.addresses(p.audience, p.followers, p.addressee, true) end,
    'cc', case when p.kind = 'vote' then jsonb_build_array(p.addressee)
               else pg_temp.addresses(p.audience, p.followers, p.addressee, false) end
) || case p.kind
    when 'vote' then jsonb_build_object('type', 'Answer', 'name', 'yes', 'attributedTo', p.actor, 'context', p.context,
                                        'bto', '[]'::jsonb, 'bcc', '[]'::jsonb)
    when 'chat' then jsonb_build_object('type', 'ChatMessage', 'content', left(w.content, 120), 'emoji', '{}'::jsonb)
    else jsonb_build_object(
        'type', case p.kind when 'poll' then 'Question' else 'Note' end, 'content', w.content, 'context', p.context,
        'source', jsonb_build_object('content', w.content, 'mediaType', 'text/plain'),
        'summary', '', 'tag', coalesce(to_jsonb(p.tags), '[]'), 'emoji', '{}'::jsonb, 'generator', null, 'sensitive', null,
        'attachment', case when p.kind = 'pictures' then jsonb_build_array(jsonb_build_object(
            'id', p.object || '-picture', 'type', 'Document', 'name', '', 'mediaType', 'image/png', 'actor', p.actor,
            'url', jsonb_build_array(jsonb_build_object('type', 'Link', 'mediaType', 'image/png',
                'href', 'https://social.example/media/' || md5('file' || p.n) || '.png')))) else '[]' end)
      || case when p.kind = 'poll' then jsonb_build_object(
            'closed', to_char(p.at + interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'oneOf', jsonb_build_array(
                jsonb_build_object('name', 'yes', 'type', 'Note', 'replies',
                    jsonb_build_object('type', 'Collection', 'totalItems', coalesce(voted.votes, 0))),
                jsonb_build_object('name', 'no', 'type', 'Note', 'replies',
                    jsonb_build_object('type', 'Collection', 'totalItems', 0)))) else '{}' end
end as data
from post p
join written w on w.n = p.n
left join post parent on parent.n = p.parent
left join post original on original.n = p.quoted
left join received r on r.post = p.n
left join answered on answered.n = p.n
left join quoted on quoted.n = p.n
left join voted on voted.n = p.n;

insert into objects (id, data, inserted_at, updated_at) select id, data, at, at from object order by id;
-- Uploaded files have objects of their own.
insert into objects (id, data, inserted_at, updated_at)
select (select max(id) from object) + row_number() over (order by id), data #> '{attachment,0}', at, at
from object where data #> '{attachment,0}' is not null;
select setval(pg_get_serial_sequence('objects', 'id'), max(id)) from objects;

insert into activities (id, data, actor, local, recipients, inserted_at, updated_at)
select made.id, made.data, made.actor, made.local,
       array(select distinct jsonb_array_elements_text(
           made.data -> 'to' || (made.data -> 'cc') || case when made.create then to_jsonb(made.actor) else '[]' end)),
       made.at, made.at
from (
    select p.activity as id, p.actor, p.local, p.at, true as create, jsonb_build_object(
        'id', replace(p.object, '/objects/', '/activities/'), 'type', 'Create', 'actor', p.actor, 'object', p.object,
        'to', o.data -> 'to', 'cc', o.data -> 'cc', 'context', p.context, 'published', o.data -> 'published')
        || case when p.kind = 'vote' then '{}'
                else jsonb_build_object('directMessage', p.kind = 'direct') end as data
    from post p
    join object o on o.n = p.n
    union all
    select r.activity, r.actor, r.local, pg_temp.as_time(r.ms), false, jsonb_build_object(
        'id', format('https://%s/activities/%s', r.host, md5('reaction' || r.n)::uuid), 'type', r.type,
        'actor', r.actor, 'object', p.object, 'context', p.context, 'bto', '[]'::jsonb, 'bcc', '[]'::jsonb)
        || case when r.type = 'Announce' then jsonb_build_object(
                'to', array[p.actor, r.followers, 'https://www.w3.org/ns/activitystreams#Public'], 'cc', '[]'::jsonb,
                'published', to_char(pg_temp.as_time(r.ms), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
           else jsonb_build_object(
                'to', array[p.actor, r.followers], 'cc', array['https://www.w3.org/ns/activitystreams#Public']) end
        || case when r.type = 'EmojiReact' then jsonb_build_object('content', r.emoji, 'tag', '[]'::jsonb)
           else '{}' end
    from reaction r
    join post p on p.n = r.post
) as made
order by made.id;

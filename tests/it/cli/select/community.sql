-- 1,000 accounts of which every property varies by itself.
insert into users
select (jsonb_populate_record(u, jsonb_build_object(
    'id', md5('account ' || n)::uuid,
    'nickname', stem || '_' || n || case when is_local then '' else '@' || host end,
    'ap_id', 'https://' || case when is_local then 'peer.example' else host end || '/users/' || stem || '_' || n,
    'follower_address', 'https://' || host || '/users/' || n || '/followers',
    'local', is_local,
    'email', case when is_local and n % 13 <> 0
                  then 'a' || n || '@' || (array['x.example', 'X.Example', 'sub.x.example', 'notx.example',
                                                 'x.example.net', 'xexample'])[n % 6 + 1] end,
    'inserted_at', case when n % 50 = 0 then (now() at time zone 'UTC') - n / 50 * interval '1 hour'
                        else timestamp '2025-11-18' + n * interval '10 minutes' end,
    'is_confirmed', n % 3 <> 0, 'confirmation_pending', n % 3 = 0,
    'is_approved', n % 11 <> 0, 'approval_pending', n % 11 = 0,
    'is_active', n % 8 <> 0, 'deactivated', n % 8 = 0,
    'is_admin', n % 97 = 0, 'is_moderator', n % 89 = 0,
    'note_count', case when n % 4 = 0 then 0 else n % 9 + 1 end,
    'last_status_at', case when n % 8 <> 0 then timestamp '2024-01-01' + n * interval '1 day' end,
    'last_active_at', (array[null, timestamp '2023-05-05', (now() at time zone 'UTC') - interval '3 days'])[n % 3 + 1],
    'follower_count', n % 5,
    'bio', (array['hello', 'Cheap PILLS &amp; more', '100% off', '1000 off', 'pill', ''])[n % 6 + 1],
    'raw_bio', (array[null, 'cheap pills & more', 'x_y', 'xzy'])[n % 4 + 1],
    'registration_reason', (array[null, 'A Friend told me', 'friendly', 'fri end', ''])[n % 5 + 1],
    'tags', '{}'::text[]
))).*
from users u
cross join generate_series(1, 1000) as n
cross join lateral (select n % 5 < 3 as is_local,
                           (array['spam.example', 'sub.spam.example', 'notspam.example', 'far.example',
                                  'spam.example.net'])[n / 5 % 5 + 1] as host,
                           (array['pills', 'Pills', 'pillx', 'apills', 'pil', 'user', 'a.b'])[n % 7 + 1] as stem) as of_account
where u.nickname = 'pattern';

-- Private posts are not counted; a like or a boost is no post.
insert into activities (id, data, actor, local, recipients, inserted_at, updated_at)
select md5('activity ' || n)::uuid,
       jsonb_build_object('id', u.ap_id || '/activities/1', 'actor', u.ap_id, 'to', '[]'::jsonb, 'cc', '[]'::jsonb,
                          'type', (array['Create', 'Like', 'Announce'])[n % 7 % 3 + 1],
                          'object', u.ap_id || '/objects/1'),
       u.ap_id, u.local, '{}', '2025-12-01', '2025-12-01'
from users u join lateral (select split_part(split_part(u.nickname::text, '@', 1), '_', 2)::int as n) as of_account on true
where u.nickname::text like '%\_%' and n % 2 = 0;

insert into objects (data, inserted_at, updated_at)
select jsonb_build_object('id', a.data ->> 'object', 'type', 'Note', 'actor', a.actor,
                          'summary', (array[null, 'Buy NOW'])[length(a.actor) % 2 + 1],
                          'content', (array['<p>see https://spam.example/?a&amp;b</p>', '<p>hello</p>',
                                            '<p>buy now</p>', '<p>HTTPS://SPAM.EXAMPLE/?A&amp;B</p>'])
                                     [ascii(a.id::text) % 4 + 1]),
       '2025-12-01', '2025-12-01'
from activities a where a.data ->> 'type' <> 'Announce';

-- Followers of each state, of this server and of others; the first 40 accounts follow.
insert into following_relationships (follower_id, following_id, state, inserted_at, updated_at)
select md5('account ' || n % 40 + 1)::uuid, md5('account ' || n)::uuid, n / 40 % 3 + 1, '2025-12-01', '2025-12-01'
from generate_series(41, 1000) as n where n % 7 in (1, 5, 6);

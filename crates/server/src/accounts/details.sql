-- The account $1, of any server, with the number of its posts. Pleroma up to 2.4 does not store the time of the last post;
-- a name that `users` does not have is that of the row beside it.
select details.*
from (select null::timestamp as last_status_at) as absent
cross join lateral (
    select u.id, u.nickname::text, u.ap_id, u.local, u.name,
           case when u.local then u.email::text end as email,
           u.is_admin as admin, u.is_moderator as moderator, u.is_active as active,
           u.is_confirmed as confirmed, u.is_approved as approved, u.is_locked as locked,
           coalesce(u.tags, '{}') as tags, u.follower_count as followers,
           u.following_count as following, u.note_count, posts.number as posts,
           u.inserted_at at time zone 'UTC' as created_at,
           u.last_active_at at time zone 'UTC' as last_active_at,
           coalesce(last_status_at, posts.newest) at time zone 'UTC' as last_status_at
    from public.users u
    cross join lateral (
        select count(*) as number, max(a.inserted_at) as newest
        from public.activities a
        where a.actor = u.ap_id and a.data->>'type' = 'Create'
    ) as posts
    where u.id = $1
) as details

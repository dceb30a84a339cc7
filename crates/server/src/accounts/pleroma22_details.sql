-- As details.sql. Before 2.2.0 the column is named `locked`; see pleroma22_list.sql. These releases remember no
-- last activity, and of the last post only the post itself.
select details.*
from (select null::boolean as is_locked, null::boolean as locked) as absent
cross join lateral (
    select u.id, u.nickname::text, u.ap_id, u.local, u.name,
           case when u.local then u.email::text end as email,
           u.is_admin as admin, u.is_moderator as moderator, not u.deactivated as active,
           not u.confirmation_pending as confirmed, not u.approval_pending as approved,
           coalesce(is_locked, locked, false) as locked,
           coalesce(u.tags, '{}') as tags, u.follower_count as followers,
           u.following_count as following, u.note_count, posts.number as posts,
           u.inserted_at at time zone 'UTC' as created_at,
           null::timestamptz as last_active_at,
           posts.newest at time zone 'UTC' as last_status_at
    from public.users u
    cross join lateral (
        select count(*) as number, max(a.inserted_at) as newest
        from public.activities a
        where a.actor = u.ap_id and a.data->>'type' = 'Create'
    ) as posts
    where u.id = $1
) as details

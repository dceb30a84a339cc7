-- One look at the catalogue: which of the things that tell servers apart are there,
-- and which of the things that every statement of ours relies on are missing.
with needed (name) as (
    values ('users.id'), ('users.ap_id'), ('users.nickname'), ('users.local'), ('users.note_count'),
           ('users.follower_address'), ('users.follower_count'), ('users.following_count'), ('users.updated_at'),
           ('activities.id'), ('activities.data'), ('activities.actor'), ('activities.recipients'),
           ('activities.local'), ('activities.inserted_at'), ('activities.updated_at'),
           ('objects.id'), ('objects.data'), ('objects.inserted_at'), ('objects.updated_at'),
           ('notifications.activity_id'),
           ('following_relationships.follower_id'), ('following_relationships.following_id'),
           ('following_relationships.state'),
           ('oban_jobs.queue'), ('oban_jobs.worker'), ('oban_jobs.args'), ('oban_jobs.state'),
           ('oban_jobs.priority'), ('oban_jobs.max_attempts'), ('oban_jobs.scheduled_at')
), telling (name) as (
    values ('users.is_active'), ('users.deactivated'), ('users.permit_followback'),
           ('users.is_discoverable'), ('users.is_locked'),
           ('users.pinned_objects'), ('users.pinned_activities')
), present (name) as materialized (
    -- Each by the catalogue's index: this is asked at every start.
    select name from (select name from needed union all select name from telling) as wanted
    where exists (
        select from pg_attribute a
        where a.attrelid = to_regclass('public.' || split_part(wanted.name, '.', 1))
          and a.attname = split_part(wanted.name, '.', 2)
    )
)
select
    array(select name from needed where name not in (select name from present)) as missing,
    exists (select from present where name = 'users.is_active') as is_active,
    exists (select from present where name = 'users.deactivated') as deactivated,
    to_regclass('public.user_follows_hashtag') is not null
        or to_regclass('public.user_frontend_setting_profiles') is not null
        or exists (select from present where name = 'users.permit_followback') as akkoma,
    to_regprocedure('public.associated_object_id(jsonb)') is not null as associated_object_id,
    exists (select from present where name = 'users.is_discoverable') as is_discoverable,
    exists (select from present where name = 'users.is_locked') as is_locked,
    exists (select from present where name = 'users.pinned_objects') as pinned_objects,
    exists (select from present where name = 'users.pinned_activities') as pinned_activities,
    to_regclass('public.hashtags_objects') is not null as hashtags,
    to_regclass('public.user_follows_hashtag') is not null as followed_hashtags,
    to_regclass('public.chat_message_references') is not null as chats,
    to_regclass('public.bookmark_folders') is not null as bookmark_folders,
    to_regclass('public.schema_migrations') is not null as schema_migrations,
    obj_description(to_regclass('public.oban_jobs'), 'pg_class') as oban_version

-- Schema of Pleroma develop of October 2024 (flavour `pleroma`): tables, defaults, constraints, indexes and triggers
-- as its migrations leave them; the functions are our own. Loaded once into a template database.

create extension citext;
create extension pg_trgm;
create extension "uuid-ossp";

-- Types

create type notification_type as enum ('follow', 'follow_request', 'mention', 'move', 'pleroma:emoji_reaction', 'pleroma:chat_mention', 'reblog', 'favourite', 'pleroma:report', 'poll', 'status', 'update');
create type oban_job_state as enum ('available', 'scheduled', 'executing', 'retryable', 'completed', 'discarded', 'cancelled');

-- Functions that indexes and the trigger need

-- They name tables that are made further down.
set check_function_bodies = off;

-- Names its table's schema: autovacuum's ANALYZE and a restore evaluate the index on it without a search_path.
create function activity_visibility(actor varchar, recipients varchar[], data jsonb)
returns varchar
language plpgsql immutable security definer parallel safe
as $$
declare
    as_public constant text := 'https://www.w3.org/ns/activitystreams#Public';
    followers varchar;
begin
    select coalesce(u.follower_address, '') into followers from public.users u where u.ap_id = actor;
    if data -> 'to' ? as_public then
        return 'public';
    elsif data -> 'cc' ? as_public then
        return 'unlisted';
    elsif followers = any (recipients) then
        return 'private';
    elsif not (array[followers, as_public]::varchar[] && recipients) then
        return 'direct';
    end if;
    return 'unknown';
end
$$;

create function associated_object_id(data jsonb)
returns varchar
language plpgsql immutable parallel safe
as $$
declare
    about jsonb := data -> 'object';
begin
    if jsonb_typeof(about) = 'array' then
        about := about -> 0;
    end if;
    if jsonb_typeof(about) = 'string' then
        return about #>> '{}';
    elsif jsonb_typeof(about -> 'id') = 'string' then
        return about ->> 'id';
    end if;
    return null;
end
$$;

create function recipients_contain_blocked_domains(recipients varchar[], blocked_domains varchar[])
returns boolean
language sql immutable
as $$
    select exists (
        select 1
        from unnest(recipients) as recipient
        where split_part(recipient, '/', 3) = any (blocked_domains)
    )
$$;

create function safe_jsonb_set(
    target jsonb, path text[], new_value jsonb, create_missing boolean default true
)
returns jsonb
language plpgsql
as $$
declare
    outcome jsonb := jsonb_set(target, path, coalesce(new_value, 'null'), create_missing);
begin
    if outcome is null then
        raise exception 'setting % would leave nothing of the document', path;
    end if;
    return outcome;
end
$$;

create function thread_visibility(
    actor varchar, activity_id varchar, local_public varchar default ''
)
returns boolean
language plpgsql immutable
as $$
declare
    reader alias for actor;
    next_id varchar := activity_id;
    activity activities%rowtype;
    in_reply_to varchar;
    author_followers varchar;
    allowed varchar[];
begin
    loop
        select a.* into activity
        from activities a
        where a.data ->> 'id' = next_id
           or (a.data ->> 'type' = 'Create'
               and coalesce(a.data -> 'object' ->> 'id', a.data ->> 'object') = next_id)
        order by a.data ->> 'id' = next_id desc
        limit 1;
        if not found then
            return false;
        elsif activity.data ->> 'type' <> 'Create' then
            return true;
        end if;
        allowed := array[reader, 'https://www.w3.org/ns/activitystreams#Public'];
        if local_public <> '' then
            allowed := allowed || local_public;
        end if;
        select author.follower_address into author_followers
        from following_relationships f
        join users author on author.id = f.following_id
        join users follower on follower.id = f.follower_id
        where f.state = 2 and follower.ap_id = reader and author.ap_id = activity.actor;
        if author_followers is not null then
            allowed := allowed || author_followers;
        end if;
        if activity.actor <> reader and not activity.recipients && allowed then
            return false;
        end if;
        select o.data ->> 'inReplyTo' into in_reply_to
        from objects o
        where o.data ->> 'id'
            = coalesce(activity.data -> 'object' ->> 'id', activity.data ->> 'object');
        if in_reply_to is null or in_reply_to = '' then
            return true;
        end if;
        next_id := in_reply_to;
    end loop;
end
$$;

create function update_status_visibility_counter_cache()
returns trigger
language plpgsql
as $$
declare
    host text;
    old_visibility text;
    new_visibility text;
begin
    if tg_op in ('UPDATE', 'DELETE') and old.data ->> 'type' = 'Create' then
        old_visibility := activity_visibility(old.actor, old.recipients, old.data);
    end if;
    if tg_op in ('UPDATE', 'INSERT') and new.data ->> 'type' = 'Create' then
        new_visibility := activity_visibility(new.actor, new.recipients, new.data);
    end if;

    if tg_op = 'INSERT' then
        if new_visibility in ('public', 'unlisted', 'private', 'direct') then
            host := split_part(new.actor, '/', 3);
            execute format(
                'insert into counter_cache (instance, %1$I) values ($1, 1)
                 on conflict (instance) do update set %1$I = counter_cache.%1$I + 1',
                new_visibility
            ) using host;
        end if;
        return new;
    elsif tg_op = 'UPDATE' then
        host := split_part(new.actor, '/', 3);
        if old_visibility <> new_visibility then
            execute format(
                'update counter_cache
                 set %1$I = greatest(0, %1$I - 1), %2$I = %2$I + 1
                 where instance = $1',
                old_visibility, new_visibility
            ) using host;
        end if;
        return new;
    end if;

    if old_visibility is not null then
        host := split_part(old.actor, '/', 3);
        -- Fails for the visibility `unknown`, as the servers' own trigger does.
        execute format(
            'update counter_cache set %1$I = greatest(0, %1$I - 1) where instance = $1',
            old_visibility
        ) using host;
    end if;
    return old;
end
$$;

-- Tables

create table activities (
    id uuid not null,
    data jsonb not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    local boolean not null default true,
    actor varchar(255),
    recipients varchar(255)[] default array[]::character varying[],
    constraint activities_pkey primary key (id)
);

create table announcement_read_relationships (
    id bigserial,
    user_id uuid,
    announcement_id uuid,
    inserted_at timestamp(0) not null,
    constraint announcement_read_relationships_pkey primary key (id)
);

create table announcements (
    id uuid not null,
    data jsonb,
    starts_at timestamp(0),
    ends_at timestamp(0),
    rendered jsonb,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint announcements_pkey primary key (id)
);

create table apps (
    id bigserial,
    client_name varchar(255) not null,
    redirect_uris varchar(255) not null,
    scopes varchar(255)[] not null default array[]::character varying[],
    website varchar(255),
    client_id varchar(255),
    client_secret varchar(255),
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    trusted boolean default false,
    user_id uuid,
    constraint apps_pkey primary key (id)
);

create table backups (
    id bigserial,
    user_id uuid,
    file_name varchar(255) not null,
    content_type varchar(255) not null,
    processed boolean not null default false,
    file_size bigint,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    tempdir varchar(255),
    constraint backups_pkey primary key (id)
);

create table bookmark_folders (
    id uuid not null,
    name varchar(255) not null,
    emoji varchar(255),
    user_id uuid,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint bookmark_folders_pkey primary key (id)
);

create table bookmarks (
    id bigserial,
    user_id uuid not null,
    activity_id uuid not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    folder_id uuid,
    constraint bookmarks_pkey primary key (id)
);

create table chat_message_references (
    id uuid not null,
    chat_id uuid not null,
    object_id bigint not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    unread boolean not null default true,
    constraint chat_message_references_pkey primary key (id)
);

create table chats (
    id uuid not null,
    user_id uuid,
    recipient varchar(255),
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint chats_pkey primary key (id)
);

create table config (
    id bigserial,
    key varchar(255) not null,
    value bytea not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    "group" varchar(255),
    constraint config_pkey primary key (id)
);

create table conversation_participation_recipient_ships (
    id bigserial,
    user_id uuid not null,
    participation_id bigint not null,
    constraint conversation_participation_recipient_ships_pkey primary key (id)
);

create table conversation_participations (
    id bigserial,
    user_id uuid not null,
    conversation_id bigint not null,
    read boolean not null default false,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint conversation_participations_pkey primary key (id)
);

create table conversations (
    id bigserial,
    ap_id varchar(255) not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint conversations_pkey primary key (id)
);

create table counter_cache (
    id bigserial,
    instance varchar(255) not null,
    direct bigint not null default 0,
    private bigint not null default 0,
    unlisted bigint not null default 0,
    public bigint not null default 0,
    constraint counter_cache_pkey primary key (id)
);

create table data_migration_failed_ids (
    data_migration_id bigint not null,
    record_id bigint not null,
    constraint data_migration_failed_ids_pkey primary key (data_migration_id, record_id)
);

create table data_migrations (
    id bigserial,
    name varchar(255) not null,
    state integer default 1,
    feature_lock boolean default false,
    params jsonb default '{}'::jsonb,
    data jsonb default '{}'::jsonb,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint data_migrations_pkey primary key (id)
);

create table deliveries (
    id bigserial,
    object_id integer not null,
    user_id uuid not null,
    constraint deliveries_pkey primary key (id)
);

create table filters (
    id bigserial,
    user_id uuid not null,
    filter_id integer not null,
    hide boolean default false,
    phrase varchar(255),
    context varchar(255)[],
    expires_at timestamp(0),
    whole_word boolean not null default true,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint filters_pkey primary key (id)
);

create table following_relationships (
    id bigserial,
    follower_id uuid not null,
    following_id uuid not null,
    state integer not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint following_relationships_pkey primary key (id)
);

create table hashtags (
    id bigserial,
    name text not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint hashtags_pkey primary key (id)
);

create table hashtags_objects (
    hashtag_id bigint not null,
    object_id bigint not null,
    constraint hashtags_objects_pkey primary key (hashtag_id, object_id)
);

create table instances (
    id bigserial,
    host varchar(255) not null,
    unreachable_since timestamp,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    favicon varchar(255),
    favicon_updated_at timestamp(0),
    metadata jsonb,
    metadata_updated_at timestamp(0),
    constraint instances_pkey primary key (id)
);

create table lists (
    id bigserial,
    user_id uuid not null,
    title varchar(255),
    following varchar(255)[],
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    ap_id varchar(255),
    constraint lists_pkey primary key (id)
);

create table markers (
    id bigserial,
    user_id uuid not null,
    timeline varchar(255) not null default ''::character varying,
    last_read_id varchar(255) not null default ''::character varying,
    lock_version integer not null default 0,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint markers_pkey primary key (id)
);

create table mfa_tokens (
    id bigserial,
    user_id uuid,
    authorization_id bigint,
    token varchar(255),
    valid_until timestamp,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint mfa_tokens_pkey primary key (id)
);

create table moderation_log (
    id bigserial,
    data jsonb not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint moderation_log_pkey primary key (id)
);

create table notifications (
    id bigserial,
    user_id uuid not null,
    activity_id uuid not null,
    seen boolean not null default false,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    type notification_type,
    constraint notifications_pkey primary key (id)
);

create table oauth_authorizations (
    id bigserial,
    app_id bigint not null,
    user_id uuid,
    token varchar(255) not null,
    valid_until timestamp,
    used boolean not null default false,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    scopes varchar(255)[] not null default array[]::character varying[],
    constraint oauth_authorizations_pkey primary key (id)
);

create table oauth_tokens (
    id bigserial,
    app_id bigint not null,
    user_id uuid,
    token varchar(255),
    refresh_token varchar(255),
    valid_until timestamp,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    scopes varchar(255)[] not null default array[]::character varying[],
    constraint oauth_tokens_pkey primary key (id)
);

create table oban_jobs (
    id bigserial,
    state oban_job_state not null default 'available'::oban_job_state,
    queue text not null default 'default'::text,
    worker text not null,
    args jsonb not null default '{}'::jsonb,
    errors jsonb[] not null default array[]::jsonb[],
    attempt integer not null default 0,
    max_attempts integer not null default 20,
    inserted_at timestamp not null default timezone('UTC'::text, now()),
    scheduled_at timestamp not null default timezone('UTC'::text, now()),
    attempted_at timestamp,
    completed_at timestamp,
    attempted_by text[],
    discarded_at timestamp,
    priority integer not null default 0,
    tags text[] default array[]::text[],
    meta jsonb default '{}'::jsonb,
    cancelled_at timestamp,
    constraint attempt_range check (((attempt >= 0) and (attempt <= max_attempts))),
    constraint oban_jobs_pkey primary key (id),
    constraint positive_max_attempts check ((max_attempts > 0)),
    constraint queue_length check (((char_length(queue) > 0) and (char_length(queue) < 128))),
    constraint worker_length check (((char_length(worker) > 0) and (char_length(worker) < 128)))
);

create table oban_peers (
    name text not null,
    node text not null,
    started_at timestamp not null,
    expires_at timestamp not null,
    constraint oban_peers_pkey primary key (name)
);

create table objects (
    id bigserial,
    data jsonb not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint objects_pkey primary key (id)
);

create table password_reset_tokens (
    id bigserial,
    token varchar(255) not null,
    user_id uuid not null,
    used boolean not null default false,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint password_reset_tokens_pkey primary key (id)
);

create table push_subscriptions (
    id bigserial,
    user_id uuid not null,
    token_id bigint not null,
    endpoint varchar not null,
    key_p256dh varchar(255) not null,
    key_auth varchar(255) not null,
    data jsonb not null default '{}'::jsonb,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint push_subscriptions_pkey primary key (id)
);

create table registrations (
    id uuid not null,
    user_id uuid,
    provider varchar(255) not null,
    uid varchar(255) not null,
    info jsonb not null default '{}'::jsonb,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint registrations_pkey primary key (id)
);

create table report_notes (
    id bigserial,
    user_id uuid,
    activity_id uuid,
    content text,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint report_notes_pkey primary key (id)
);

create table rich_media_card (
    id bigserial,
    url_hash bytea,
    fields jsonb,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint rich_media_card_pkey primary key (id)
);

create table rules (
    id bigserial,
    priority integer not null default 0,
    text text not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    hint text,
    constraint rules_pkey primary key (id)
);

create table scheduled_activities (
    id bigserial,
    user_id uuid not null,
    scheduled_at timestamp(0) not null,
    params jsonb not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint scheduled_activities_pkey primary key (id)
);

create table schema_migrations (
    version bigint not null,
    inserted_at timestamp(0),
    constraint schema_migrations_pkey primary key (version)
);

create table thread_mutes (
    id bigserial,
    user_id uuid not null,
    context varchar(255) not null,
    constraint thread_mutes_pkey primary key (id)
);

create table user_invite_tokens (
    id bigserial,
    token varchar(255),
    used boolean not null default false,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    expires_at date,
    uses integer not null default 0,
    max_use integer,
    invite_type varchar(255) not null default 'one_time'::character varying,
    constraint user_invite_tokens_pkey primary key (id)
);

create table user_notes (
    id bigserial,
    source_id uuid,
    target_id uuid,
    comment varchar(255),
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    constraint user_notes_pkey primary key (id)
);

create table user_relationships (
    id bigserial,
    source_id uuid,
    target_id uuid,
    relationship_type integer not null,
    inserted_at timestamp(0) not null,
    expires_at timestamp(0),
    constraint user_relationships_pkey primary key (id)
);

create table users (
    id uuid not null,
    email citext,
    password_hash varchar(255),
    name varchar(255),
    nickname citext,
    bio text not null,
    inserted_at timestamp(0) not null,
    updated_at timestamp(0) not null,
    ap_id varchar(255) not null,
    avatar jsonb,
    local boolean not null default true,
    follower_address varchar(255),
    last_refreshed_at timestamp,
    tags varchar(255)[] default array[]::character varying[],
    last_digest_emailed_at timestamp(0) default now(),
    multi_factor_authentication_settings jsonb default '{}'::jsonb,
    following_address varchar(255),
    keys text,
    banner jsonb default '{}'::jsonb,
    background jsonb default '{}'::jsonb,
    note_count integer not null default 0,
    follower_count integer not null default 0,
    following_count integer not null default 0,
    is_locked boolean not null default false,
    is_confirmed boolean not null default true,
    password_reset_pending boolean not null default false,
    confirmation_token text,
    default_scope varchar(255) default 'public'::character varying,
    blocks text[] not null default array[]::text[],
    domain_blocks text[] not null default array[]::text[],
    mutes text[] not null default array[]::text[],
    muted_reblogs text[] not null default array[]::text[],
    muted_notifications text[] not null default array[]::text[],
    subscribers text[] not null default array[]::text[],
    is_active boolean not null default true,
    no_rich_text boolean not null default false,
    is_moderator boolean not null default false,
    is_admin boolean not null default false,
    show_role boolean not null default true,
    uri text,
    hide_followers_count boolean not null default false,
    hide_follows_count boolean not null default false,
    hide_followers boolean not null default false,
    hide_follows boolean not null default false,
    hide_favorites boolean not null default true,
    email_notifications jsonb default '{"digest": false}'::jsonb,
    mascot jsonb,
    emoji jsonb not null default '{}'::jsonb,
    pleroma_settings_store jsonb default '{}'::jsonb,
    fields jsonb not null default '[]'::jsonb,
    raw_fields jsonb not null default '[]'::jsonb,
    is_discoverable boolean not null default false,
    invisible boolean not null default false,
    notification_settings jsonb not null default '{"follows": true, "followers": true, "non_follows": true, "non_followers": true}'::jsonb,
    skip_thread_containment boolean not null default false,
    also_known_as varchar(255)[] not null default array[]::character varying[],
    allow_following_move boolean not null default true,
    actor_type varchar(255) not null default 'Person'::character varying,
    raw_bio text,
    public_key text,
    inbox text,
    shared_inbox text,
    accepts_chat_messages boolean,
    is_approved boolean not null default true,
    registration_reason text,
    last_active_at timestamp(0),
    pinned_objects jsonb not null default '{}'::jsonb,
    featured_address varchar(255),
    disclose_client boolean default true,
    is_suggested boolean not null default false,
    last_status_at timestamp(0),
    birthday date,
    show_birthday boolean not null default false,
    language varchar(255),
    constraint users_pkey primary key (id)
);

-- Indexes

create index "activities_actor_id_DESC_NULLS_LAST_index" on activities using btree (actor, id desc nulls last);
create index activities_context_index on activities using btree (((data ->> 'type'::text)), ((data ->> 'context'::text)));
create index activities_create_objects_index on activities using btree (associated_object_id(data));
create index activities_id_desc_nulls_last_local_index on activities using btree (id desc nulls last, local);
create index activities_local_index on activities using btree (local);
create index activities_recipients_index on activities using gin (recipients);
create unique index activities_unique_apid_index on activities using btree (((data ->> 'id'::text)));
create index activities_visibility_index on activities using btree (activity_visibility(actor, recipients, data), id desc nulls last) where ((data ->> 'type'::text) = 'Create'::text);
create index announcement_read_relationships_announcement_id_index on announcement_read_relationships using btree (announcement_id);
create unique index announcement_read_relationships_user_id_announcement_id_index on announcement_read_relationships using btree (user_id, announcement_id);
create index apps_client_id_client_secret_index on apps using btree (client_id, client_secret);
create unique index apps_client_id_index on apps using btree (client_id);
create index apps_user_id_index on apps using btree (user_id);
create index backups_user_id_index on backups using btree (user_id);
create unique index bookmark_folders_user_id_name_index on bookmark_folders using btree (user_id, name);
create index bookmarks_activity_id_index on bookmarks using btree (activity_id);
create index bookmarks_folder_id_index on bookmarks using btree (folder_id);
create unique index bookmarks_user_id_activity_id_index on bookmarks using btree (user_id, activity_id);
create index chat_message_references_chat_id_id_desc_index on chat_message_references using btree (chat_id, id desc);
create unique index chat_message_references_object_id_chat_id_index on chat_message_references using btree (object_id, chat_id);
create index unread_messages_count_index on chat_message_references using btree (chat_id) where (unread = true);
create index chats_recipient_index on chats using btree (recipient);
create unique index chats_user_id_recipient_index on chats using btree (user_id, recipient);
create unique index config_group_key_index on config using btree ("group", key);
create index conversation_participation_recipient_ships_participation_id_ind on conversation_participation_recipient_ships using btree (participation_id);
create index conversation_participation_recipient_ships_user_id_index on conversation_participation_recipient_ships using btree (user_id);
create index conversation_participations_conversation_id_index on conversation_participations using btree (conversation_id);
create index conversation_participations_updated_at_desc_index on conversation_participations using btree (updated_at desc);
create unique index conversation_participations_user_id_conversation_id_index on conversation_participations using btree (user_id, conversation_id);
create index unread_conversation_participation_count_index on conversation_participations using btree (user_id) where (read = false);
create unique index conversations_ap_id_index on conversations using btree (ap_id);
create unique index counter_cache_instance_index on counter_cache using btree (instance);
create unique index data_migration_failed_ids_data_migration_id_record_id_index on data_migration_failed_ids using btree (data_migration_id, record_id);
create unique index data_migrations_name_index on data_migrations using btree (name);
create index deliveries_object_id on deliveries using btree (object_id);
create unique index deliveries_user_id_object_id_index on deliveries using btree (user_id, object_id);
create index filters_user_id_index on filters using btree (user_id);
create index hided_phrases_index on filters using btree (phrase) where (hide = true);
create unique index following_relationships_follower_id_following_id_index on following_relationships using btree (follower_id, following_id);
create index following_relationships_follower_id_state_index on following_relationships using btree (follower_id, state);
create index following_relationships_following_id_index on following_relationships using btree (following_id);
create unique index hashtags_name_index on hashtags using btree (name);
create index hashtags_objects_object_id_index on hashtags_objects using btree (object_id);
create unique index instances_host_index on instances using btree (host);
create index instances_unreachable_since_index on instances using btree (unreachable_since);
create unique index lists_ap_id_index on lists using btree (ap_id);
create index lists_following_index on lists using btree (following);
create index lists_user_id_index on lists using btree (user_id);
create unique index markers_user_id_timeline_index on markers using btree (user_id, timeline);
create index mfa_tokens_authorization_id_index on mfa_tokens using btree (authorization_id);
create unique index mfa_tokens_token_index on mfa_tokens using btree (token);
create index mfa_tokens_user_id_index on mfa_tokens using btree (user_id);
create index notifications_activity_id_index on notifications using btree (activity_id);
create index notifications_id_desc_nulls_last_index on notifications using btree (id desc nulls last);
create index notifications_user_id_id_desc_nulls_last_index on notifications using btree (user_id, id desc nulls last);
create index notifications_user_id_seen_index on notifications using btree (user_id, seen);
create index oauth_authorizations_app_id_index on oauth_authorizations using btree (app_id);
create index oauth_authorizations_user_id_index on oauth_authorizations using btree (user_id);
create index oauth_tokens_app_id_index on oauth_tokens using btree (app_id);
create unique index oauth_tokens_refresh_token_index on oauth_tokens using btree (refresh_token);
create unique index oauth_tokens_token_index on oauth_tokens using btree (token);
create index oauth_tokens_user_id_index on oauth_tokens using btree (user_id);
create index oban_jobs_args_index on oban_jobs using gin (args);
create index oban_jobs_meta_index on oban_jobs using gin (meta);
create index oban_jobs_state_queue_priority_scheduled_at_id_index on oban_jobs using btree (state, queue, priority, scheduled_at, id);
create index objects_actor_type on objects using btree (((data ->> 'actor'::text)), ((data ->> 'type'::text)));
create index objects_fts on objects using gin (to_tsvector('english'::regconfig, (data ->> 'content'::text)));
create index objects_in_reply_to_index on objects using btree (((data ->> 'inReplyTo'::text)));
create index objects_likes on objects using gin (((data -> 'likes'::text)));
create index objects_quote_url on objects using btree (((data -> 'quoteUrl'::text)));
create index objects_tags on objects using gin (((data -> 'tag'::text)));
create unique index objects_unique_apid_index on objects using btree (((data ->> 'id'::text)));
create index password_reset_tokens_user_id_index on password_reset_tokens using btree (user_id);
create index push_subscriptions_token_id_index on push_subscriptions using btree (token_id);
create unique index push_subscriptions_user_id_token_id_index on push_subscriptions using btree (user_id, token_id);
create unique index registrations_provider_uid_index on registrations using btree (provider, uid);
create unique index registrations_user_id_provider_uid_index on registrations using btree (user_id, provider, uid);
create index report_notes_activity_id_index on report_notes using btree (activity_id);
create index report_notes_user_id_index on report_notes using btree (user_id);
create unique index rich_media_card_url_hash_index on rich_media_card using btree (url_hash);
create index scheduled_activities_scheduled_at_index on scheduled_activities using btree (scheduled_at);
create index scheduled_activities_user_id_index on scheduled_activities using btree (user_id);
create unique index unique_index on thread_mutes using btree (user_id, context);
create unique index user_notes_source_id_target_id_index on user_notes using btree (source_id, target_id);
create index user_notes_target_id_index on user_notes using btree (target_id);
create unique index user_relationships_source_id_relationship_type_target_id_index on user_relationships using btree (source_id, relationship_type, target_id);
create index user_relationships_target_id_relationship_type_index on user_relationships using btree (target_id, relationship_type);
create index "users_ap_id_COALESCE_follower_address_index" on users using btree (ap_id, coalesce(follower_address, ''::character varying));
create unique index users_ap_id_index on users using btree (ap_id);
create index users_birthday_month_day_index on users using btree (date_part('month'::text, birthday), date_part('day'::text, birthday));
create unique index users_email_index on users using btree (email);
create index users_featured_address_index on users using btree (featured_address);
create index users_follower_address_index on users using btree (follower_address);
create index users_following_address_index on users using btree (following_address);
create index users_fts_index on users using gin (((setweight(to_tsvector('simple'::regconfig, regexp_replace(nickname, '\W'::citext, ' '::text, 'g'::text)), 'A'::"char") || setweight(to_tsvector('simple'::regconfig, regexp_replace((coalesce(name, ''::character varying))::text, '\W'::text, ' '::text, 'g'::text)), 'B'::"char"))));
create index users_invisible_index on users using btree (invisible);
create index users_is_active_index on users using btree (is_active);
create index users_is_admin_index on users using btree (is_admin);
create index users_is_discoverable_index on users using btree (is_discoverable);
create index users_is_moderator_index on users using btree (is_moderator);
create index users_is_suggested_index on users using btree (is_suggested);
create index users_last_active_at_index on users using btree (last_active_at);
create index users_last_status_at_index on users using btree (last_status_at);
create index users_local_index on users using btree (local);
create unique index users_nickname_index on users using btree (nickname);
create index users_show_birthday_index on users using btree (show_birthday);
create index users_tags_index on users using gin (tags);
create index users_uri_index on users using btree (uri);

-- Foreign keys

alter table apps add constraint apps_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table oauth_authorizations add constraint oauth_authorizations_app_id_fkey
    foreign key (app_id) references apps(id);
alter table oauth_authorizations add constraint oauth_authorizations_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table oauth_tokens add constraint oauth_tokens_app_id_fkey
    foreign key (app_id) references apps(id);
alter table oauth_tokens add constraint oauth_tokens_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table notifications add constraint notifications_activity_id_fkey
    foreign key (activity_id) references activities(id) on delete cascade;
alter table notifications add constraint notifications_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table password_reset_tokens add constraint password_reset_tokens_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table lists add constraint lists_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table filters add constraint filters_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table push_subscriptions add constraint push_subscriptions_token_id_fkey
    foreign key (token_id) references oauth_tokens(id) on delete cascade;
alter table push_subscriptions add constraint push_subscriptions_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table thread_mutes add constraint thread_mutes_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table registrations add constraint registrations_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table scheduled_activities add constraint scheduled_activities_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table conversation_participations add constraint conversation_participations_conversation_id_fkey
    foreign key (conversation_id) references conversations(id) on delete cascade;
alter table conversation_participations add constraint conversation_participations_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table bookmarks add constraint bookmarks_activity_id_fkey
    foreign key (activity_id) references activities(id) on delete cascade;
alter table bookmarks add constraint bookmarks_folder_id_fkey
    foreign key (folder_id) references bookmark_folders(id) on delete set null;
alter table bookmarks add constraint bookmarks_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table mfa_tokens add constraint mfa_tokens_authorization_id_fkey
    foreign key (authorization_id) references oauth_authorizations(id) on delete cascade;
alter table mfa_tokens add constraint mfa_tokens_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table conversation_participation_recipient_ships add constraint conversation_participation_recipient_ships_participation_id_fke
    foreign key (participation_id) references conversation_participations(id) on delete cascade;
alter table conversation_participation_recipient_ships add constraint conversation_participation_recipient_ships_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table deliveries add constraint deliveries_object_id_fkey
    foreign key (object_id) references objects(id);
alter table deliveries add constraint deliveries_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table following_relationships add constraint following_relationships_follower_id_fkey
    foreign key (follower_id) references users(id) on delete cascade;
alter table following_relationships add constraint following_relationships_following_id_fkey
    foreign key (following_id) references users(id) on delete cascade;
alter table markers add constraint markers_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table user_relationships add constraint user_relationships_source_id_fkey
    foreign key (source_id) references users(id) on delete cascade;
alter table user_relationships add constraint user_relationships_target_id_fkey
    foreign key (target_id) references users(id) on delete cascade;
alter table report_notes add constraint report_notes_activity_id_fkey
    foreign key (activity_id) references activities(id);
alter table report_notes add constraint report_notes_user_id_fkey
    foreign key (user_id) references users(id);
alter table chats add constraint chats_recipient_fkey
    foreign key (recipient) references users(ap_id) on delete cascade;
alter table chats add constraint chats_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table chat_message_references add constraint chat_message_references_chat_id_fkey
    foreign key (chat_id) references chats(id) on delete cascade;
alter table chat_message_references add constraint chat_message_references_object_id_fkey
    foreign key (object_id) references objects(id) on delete cascade;
alter table backups add constraint backups_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table hashtags_objects add constraint hashtags_objects_hashtag_id_fkey
    foreign key (hashtag_id) references hashtags(id);
alter table hashtags_objects add constraint hashtags_objects_object_id_fkey
    foreign key (object_id) references objects(id) on delete cascade;
alter table data_migration_failed_ids add constraint data_migration_failed_ids_data_migration_id_fkey
    foreign key (data_migration_id) references data_migrations(id);
alter table user_notes add constraint user_notes_source_id_fkey
    foreign key (source_id) references users(id) on delete cascade;
alter table user_notes add constraint user_notes_target_id_fkey
    foreign key (target_id) references users(id) on delete cascade;
alter table announcement_read_relationships add constraint announcement_read_relationships_announcement_id_fkey
    foreign key (announcement_id) references announcements(id) on delete cascade;
alter table announcement_read_relationships add constraint announcement_read_relationships_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table bookmark_folders add constraint bookmark_folders_user_id_fkey
    foreign key (user_id) references users(id) on delete cascade;
alter table oban_jobs add constraint non_negative_priority check ((priority >= 0)) not valid;

-- Triggers

create trigger status_visibility_counter_cache_trigger
    before insert or delete or update of recipients, data on activities
    for each row execute function update_status_visibility_counter_cache();

-- Oban keeps the version of its table here.
comment on table oban_jobs is '12';

-- Migrations that a probe looks for.
insert into schema_migrations (version, inserted_at) values (20230504173400, now()), (20240527144418, now());

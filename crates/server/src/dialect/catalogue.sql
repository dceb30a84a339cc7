-- Which of the signs $1 that distinguish servers exist, and which of the objects that every server has are missing.
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
), present (name) as materialized (
    -- Each by the catalogue's index: this runs at every start.
    select name from (select name from needed union all select name from unnest($1::text[]) as name) as wanted
    where case
        when name like 'function %' then to_regprocedure('public.' || split_part(name, ' ', 2)) is not null
        when position('.' in name) = 0 then to_regclass('public.' || name) is not null
        else exists (
            select from pg_attribute a
            where a.attrelid = to_regclass('public.' || split_part(wanted.name, '.', 1))
              and a.attname = split_part(wanted.name, '.', 2)
        )
    end
)
select
    array(select name from needed where name not in (select name from present)) as missing,
    array(select name from present) as found,
    obj_description(to_regclass('public.oban_jobs'), 'pg_class') as oban_version

-- The floor: the cost of deleting everything of an account in bare SQL. The end state is the one
-- that the server's rules demand (flavour `pleroma`, default switches). Batches have one commit
-- each. There is no ledger, no checkpoint, no lease, no parking, no retry, and no rule without an
-- example in this community. What is the same for a whole batch is not computed for each row: the
-- texts of new ids, and the recipients.

-- A digit of base 62, and the text of an id. The calls of the first are inlined into the second.
create function floor_digit(n bigint) returns text
language sql immutable parallel safe as $$
    select substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 1 + (n % 62)::int, 1)
$$;
create function floor_flake_text(id uuid) returns text
language plpgsql immutable parallel safe as $$
declare
    hex constant text := replace(id::text, '-', '');
    low constant bigint := ('x' || right(hex, 16))::bit(64)::bigint;
    whole constant numeric := ('x' || left(hex, 16))::bit(64)::bigint::numeric * 18446744073709551616
        + low + case when low < 0 then 18446744073709551616 else 0 end;
    above constant numeric := div(whole, 839299365868340224);
    high constant bigint := div(above, 839299365868340224);
    middle constant bigint := above % 839299365868340224;
    bottom constant bigint := whole % 839299365868340224;
begin
    return ltrim(floor_digit(high / 62) || floor_digit(high)
        || floor_digit(middle / 13537086546263552) || floor_digit(middle / 218340105584896) || floor_digit(middle / 3521614606208)
        || floor_digit(middle / 56800235584) || floor_digit(middle / 916132832) || floor_digit(middle / 14776336)
        || floor_digit(middle / 238328) || floor_digit(middle / 3844) || floor_digit(middle / 62)
        || floor_digit(middle)
        || floor_digit(bottom / 13537086546263552) || floor_digit(bottom / 218340105584896) || floor_digit(bottom / 3521614606208)
        || floor_digit(bottom / 56800235584) || floor_digit(bottom / 916132832) || floor_digit(bottom / 14776336)
        || floor_digit(bottom / 238328) || floor_digit(bottom / 3844) || floor_digit(bottom / 62)
        || floor_digit(bottom), '0');
end
$$;

create function floor_addresses(addresses jsonb) returns jsonb
language sql immutable parallel safe as $$
    select coalesce(jsonb_agg(address order by address collate "C"), '[]')
    from (select distinct address from jsonb_array_elements_text(addresses) as address where address like 'http%') as a
$$;

-- Without `commits`, everything is one transaction.
create procedure floor_delete_activities(account text, inout batches int, inout statements int, inout longest_ms float,
    rows_per_batch int default 1000, commits boolean default true)
language plpgsql as $$
declare
    as_public constant text := 'https://www.w3.org/ns/activitystreams#Public';
    account_ap_id text;
    base text;
    -- The new ids of a batch are consecutive. They start where the last four digits of their texts
    -- are zero.
    node constant bigint := ('x0' || substr(md5(random()::text), 1, 11) || '0000')::bit(64)::bigint;
    first_id bigint; first_text text;
    previous uuid := '00000000-0000-0000-0000-000000000000';
    until uuid;
    seen_last uuid;
    creates uuid[]; created text[];
    undone uuid[]; undone_data jsonb[];
    hashtags_left bigint[]; notes int;
    begun timestamptz; moment timestamp; ms text;
begin
    select ap_id, 'https://' || split_part(ap_id, '/', 3) into account_ap_id, base from users where nickname = account::citext;
    select id into until from activities where actor = account_ap_id order by id desc nulls last limit 1;
    loop
        begun := clock_timestamp();
        moment := date_trunc('second', timezone('UTC', begun));
        ms := lpad(to_hex((extract(epoch from begun) * 1000)::bigint), 16, '0');
        first_id := node - (('x' || ms)::bit(64)::bigint::numeric * 18446744073709551616 + node) % 14776336;
        first_text := left(floor_flake_text((ms || lpad(to_hex(first_id), 16, '0'))::uuid), -4);

        select (array_agg(id order by id desc))[1], array_agg(id) filter (where type = 'Create'), array_agg(object) filter (where type = 'Create'),
               array_agg(id) filter (where type in ('Like', 'Announce')),
               array_agg(data) filter (where type in ('Like', 'Announce'))
        into seen_last, creates, created, undone, undone_data
        from (select id, data, data ->> 'type' as type, associated_object_id(data) as object
              from activities where actor = account_ap_id and id > previous and id <= until
              order by id nulls first limit rows_per_batch) as walked;
        exit when seen_last is null;
        previous := seen_last;

        with old as materialized (
            select o.id, o.data, c.id as create_id, c.n
            from unnest(creates, created) with ordinality as c (id, object, n)
            join objects o on o.data ->> 'id' = c.object
            order by o.id for update of o
        ), liked as materialized (
            select u.id, u.data, u.n from unnest(undone, undone_data) with ordinality as u (id, data, n)
            -- A like or boost of a post in this batch is deleted with the post.
            where not u.data ->> 'object' = any (coalesce(created, '{}'))
        ), buried as (
            update objects o
            set data = jsonb_build_object('id', old.data -> 'id', 'type', 'Tombstone', 'formerType', old.data -> 'type',
                    'deleted', to_char(timezone('UTC', begun), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
                updated_at = moment
            from old where o.id = old.id
        ), lost as (
            select object, sum(replies)::int as replies, sum(quotes)::int as quotes, sum(likes) as likes, sum(boosts) as boosts
            from (select data ->> 'inReplyTo', 1, 0, 0, 0 from old where data ? 'inReplyTo'
                  union all select data ->> 'quoteUrl', 0, 1, 0, 0 from old where data ? 'quoteUrl'
                  union all select data ->> 'object', 0, 0, (data ->> 'type' = 'Like')::int, (data ->> 'type' = 'Announce')::int
                  from liked) as each (object, replies, quotes, likes, boosts)
            where not object = any (coalesce(created, '{}'))
            group by object
        ), lowered as (
            update objects o
            set data = o.data
                || case when replies = 0 then '{}' else jsonb_build_object(
                       'repliesCount', greatest(0, (o.data ->> 'repliesCount')::int - replies)) end
                || case when quotes = 0 then '{}' else jsonb_build_object(
                       'quotesCount', greatest(0, (o.data ->> 'quotesCount')::int - quotes)) end
                || case when likes = 0 then '{}' else jsonb_build_object(
                       'likes', (o.data -> 'likes') - account_ap_id,
                       'like_count', jsonb_array_length((o.data -> 'likes') - account_ap_id)) end
                || case when boosts = 0 then '{}' else jsonb_build_object(
                       'announcements', (o.data -> 'announcements') - account_ap_id,
                       'announcement_count', jsonb_array_length((o.data -> 'announcements') - account_ap_id)) end,
                updated_at = case when likes + boosts > 0 then moment else o.updated_at end
            from lost where o.data ->> 'id' = lost.object and o.data ->> 'type' <> 'Tombstone'
        ), addressed as materialized (
            select listed, floor_addresses(listed) as clean
            from (select distinct data -> 'to' || (data -> 'cc') as listed from old) as each
        ), made as materialized (
            select (ms || lpad(to_hex(first_id + number), 16, '0'))::uuid as id,
                   first_text || floor_digit(number / 238328) || floor_digit(number / 3844) || floor_digit(number / 62)
                       || floor_digit(number) as id_text,
                   new.*
            from (select row_number() over () as number, * from (
                  select 'Delete' as type, data -> 'id' as object, clean as "to",
                         '[]'::jsonb as cc, create_id, old.id as row, n
                  from old join addressed on listed = data -> 'to' || (data -> 'cc')
                  union all
                  select 'Undo', data -> 'id', floor_addresses(data -> 'to'), floor_addresses(data -> 'cc'), null, null, n
                  from liked) as unnumbered) as new
        ), inserted as (
            insert into activities (id, data, actor, local, recipients, inserted_at, updated_at)
            select id, jsonb_build_object('id', base || '/activities/' || gen_random_uuid(), 'type', type,
                       'actor', account_ap_id, 'object', object, 'to', "to", 'cc', cc, 'bto', '[]'::jsonb, 'bcc', '[]'::jsonb)
                   || case when create_id is null then '{}'
                      else jsonb_build_object('deleted_activity_id', floor_flake_text(create_id)) end,
                   account_ap_id, true, array(select jsonb_array_elements_text("to" || cc)), moment, moment
            from made
        ), told as (
            insert into oban_jobs (queue, worker, args, max_attempts, priority)
            select 'search_indexing', 'Pleroma.Workers.SearchIndexingWorker',
                   jsonb_build_object('op', 'remove_from_index', 'object', row), 2, 0
            from made where type = 'Delete'
            union all
            select 'federator_outgoing', 'Pleroma.Workers.PublisherWorker',
                   jsonb_build_object('op', 'publish', 'activity_id', id_text, 'opts', '{}'::jsonb), 5,
                   case type when 'Delete' then 3 else 0 end
            from made
        ), unlinked as (
            delete from hashtags_objects where object_id in (select id from old) returning hashtag_id
        ), forgotten as (
            delete from chat_message_references where object_id in (select id from old)
        )
        select (select array_agg(distinct hashtag_id) from unlinked),
               (select count(*) from old where data -> 'to' ? as_public or data -> 'cc' ? as_public)
        into hashtags_left, notes;

        delete from hashtags h where h.id = any (hashtags_left)
            and not exists (select from hashtags_objects used where used.hashtag_id = h.id);
        update users set note_count = greatest(0, note_count - notes), pinned_objects = pinned_objects - created,
               updated_at = case when pinned_objects ?| created then moment else updated_at end
        where ap_id = account_ap_id and (notes > 0 or pinned_objects ?| created);
        -- Last: its trigger locks the row of the host that every new post needs.
        delete from activities a
        where (associated_object_id(a.data) = any (created) and a.data ->> 'type' <> 'Delete') or a.id = any (undone);
        if commits then
            commit;
        end if;
        batches := batches + 1;
        statements := statements + 6;
        longest_ms := greatest(longest_ms, extract(epoch from clock_timestamp() - begun) * 1000);
    end loop;
end
$$;

-- The original's pattern: each post alone, statement by statement, one transaction per post
-- (docs/semantics.md 1.2). The work of the original's program between its statements, and the
-- network, cost nothing here. So the original can at best be as fast as this.
create procedure one_transaction_per_post(account text, inout posts int)
language plpgsql as $$
declare
    as_public constant text := 'https://www.w3.org/ns/activitystreams#Public';
    author users;
    node constant text := substr(md5(random()::text), 1, 12);
    previous uuid := '00000000-0000-0000-0000-000000000000';
    page uuid[]; this uuid;
    post activities; object objects;
    addressed jsonb; new_id uuid; moment timestamp; unlinked bigint[];
begin
    loop
        select array_agg(id) into page
        from (select a.id from activities a join users u on u.ap_id = a.actor
              where u.nickname = account::citext and a.id > previous order by a.id nulls first limit 50) as next;
        exit when page is null;
        foreach this in array page loop
            previous := this;
            select * into post from activities where id = this and data ->> 'type' = 'Create';
            continue when not found;
            moment := date_trunc('second', timezone('UTC', clock_timestamp()));
            -- The original reads these outside of the transaction that changes them, and again
            -- inside of it.
            select * into author from users where ap_id = post.actor;
            select * into object from objects where data ->> 'id' = post.data ->> 'object';
            perform from activities where associated_object_id(data) = object.data ->> 'id' and data ->> 'type' = 'Create';
            perform from users where ap_id = object.data ->> 'actor' and is_active;
            perform from objects where data ->> 'id' = object.data ->> 'id';

            addressed := (select coalesce(jsonb_agg(distinct address), '[]')
                          from jsonb_array_elements_text(object.data -> 'to' || (object.data -> 'cc')) as address);
            new_id := (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 16, '0') || node
                       || lpad(to_hex(posts % 65536), 4, '0'))::uuid;
            insert into activities (id, data, actor, local, recipients, inserted_at, updated_at)
            values (new_id, jsonb_build_object('id', 'https://social.example/activities/' || gen_random_uuid(), 'type', 'Delete',
                        'actor', post.actor, 'object', object.data -> 'id', 'to', addressed, 'cc', '[]'::jsonb,
                        'bto', '[]'::jsonb, 'bcc', '[]'::jsonb, 'deleted_activity_id', this),
                    post.actor, true, array(select jsonb_array_elements_text(addressed)), moment, moment);
            perform from objects where data ->> 'id' = object.data ->> 'id';
            update objects set updated_at = moment, data = jsonb_build_object('id', object.data -> 'id', 'type', 'Tombstone',
                'formerType', object.data -> 'type', 'deleted', to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
            where id = object.id;
            with gone as (delete from hashtags_objects where object_id = object.id returning hashtag_id)
            select array_agg(hashtag_id) into unlinked from gone;
            delete from hashtags h where h.id = any (unlinked)
                and not exists (select from hashtags_objects used where used.hashtag_id = h.id);
            delete from activities where associated_object_id(data) = object.data ->> 'id' and data ->> 'type' <> 'Delete';
            -- From here to the commit, the row of the host in counter_cache is locked.
            perform from users where ap_id = object.data ->> 'actor';
            update users set pinned_objects = pinned_objects - (object.data ->> 'id'), updated_at = moment
            where ap_id = post.actor and pinned_objects ? (object.data ->> 'id');
            update users set note_count = greatest(0, note_count - 1)
            where ap_id = post.actor and (object.data -> 'to' ? as_public or object.data -> 'cc' ? as_public);
            update objects set data = data || jsonb_build_object(
                'repliesCount', greatest(0, (data ->> 'repliesCount')::int - 1))
            where data ->> 'id' = object.data ->> 'inReplyTo';
            update objects set data = data || jsonb_build_object(
                'quotesCount', greatest(0, (data ->> 'quotesCount')::int - 1))
            where data ->> 'id' = object.data ->> 'quoteUrl';
            delete from chat_message_references where object_id = object.id;
            insert into oban_jobs (queue, worker, args, max_attempts) values ('search_indexing',
                'Pleroma.Workers.SearchIndexingWorker', jsonb_build_object('op', 'remove_from_index', 'object', object.id), 2);
            perform pg_notify('public.oban_insert', '{"queue":"search_indexing"}');
            insert into oban_jobs (queue, worker, args, max_attempts, priority) values ('federator_outgoing',
                'Pleroma.Workers.PublisherWorker', jsonb_build_object('op', 'publish', 'activity_id', new_id), 5, 3);
            perform pg_notify('public.oban_insert', '{"queue":"federator_outgoing"}');
            commit;
            posts := posts + 1;
        end loop;
    end loop;
end
$$;

-- Takes accounts out of what they liked, boosted, reacted to and voted in. $1: objects, $2: accounts, $3: what each did,
-- $4: option of a vote, $5: hosts whose custom emoji go where one of their accounts has reacted. A list that is missing or malformed counts as empty; what is no list of accounts in a list of
-- reactions stays.
with given as materialized (
    select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) as given (object, actor, kind, option)
), target as materialized (
    select o.id, o.data from public.objects o where o.id = any ($1) and o.data ->> 'type' is distinct from 'Tombstone'
), changed as materialized (
    select t.id,
           coalesce((
               select jsonb_build_object('likes', kept, 'like_count', jsonb_array_length(kept))
               from (select case when jsonb_typeof(t.data -> 'likes') = 'array'
                                 then (t.data -> 'likes') - array_agg(g.actor) else '[]' end as kept
                     from given g where g.object = t.id and g.kind = 'Like' having count(*) > 0) as l), '{}')
           || coalesce((
               select jsonb_build_object('announcements', kept, 'announcement_count', jsonb_array_length(kept))
               from (select case when jsonb_typeof(t.data -> 'announcements') = 'array'
                                 then (t.data -> 'announcements') - array_agg(g.actor) else '[]' end as kept
                     from given g where g.object = t.id and g.kind = 'Announce' having count(*) > 0) as l), '{}')
           || coalesce((
               select jsonb_build_object('reactions', kept, 'reaction_count', (
                          select coalesce(sum(jsonb_array_length(entry -> 1)), 0) from jsonb_array_elements(kept) as entry
                          where jsonb_typeof(entry -> 1) = 'array'))
               from (select coalesce(jsonb_agg(case when is_entry then jsonb_set(entry, '{1}', (entry -> 1) - actors)
                                                    else entry end order by n)
                                         filter (where not is_entry or (entry -> 1) - actors <> '[]'
                                                    and lower(coalesce(substring(entry ->> 2 from
                                                            '^[Hh][Tt][Tt][Pp][Ss]?://(?:[^/?#@]*@)?([^/?#:]+)'), '')) <> all ($5)), '[]') as kept
                     from (select array_agg(g.actor) as actors
                           from given g where g.object = t.id and g.kind = 'EmojiReact' having count(*) > 0) as gone,
                          lateral jsonb_array_elements(case when jsonb_typeof(t.data -> 'reactions') = 'array'
                                                            then t.data -> 'reactions' else '[]' end)
                              with ordinality as entries (entry, n),
                          lateral (select jsonb_typeof(entry) = 'array' and jsonb_typeof(entry -> 1) = 'array'
                                              as is_entry offset 0) as e
                     having count(*) > 0) as r), '{}')
           || coalesce((
               select jsonb_build_object('voters', (t.data -> 'voters') - array_agg(g.actor))
               from given g where g.object = t.id and g.kind = 'Answer' and jsonb_typeof(t.data -> 'voters') = 'array'
               having count(*) > 0), '{}')
           || coalesce((
               select jsonb_object_agg(field, options)
               from (select field, (
                         select jsonb_agg(case when lost.votes > 0
                                                    and jsonb_typeof(option #> '{replies,totalItems}') = 'number'
                                               then jsonb_set(option, '{replies,totalItems}', to_jsonb(greatest(0,
                                                        (option #>> '{replies,totalItems}')::numeric - lost.votes)))
                                               else option end order by n)
                         from jsonb_array_elements(t.data -> field) with ordinality as entries (option, n),
                              lateral (select count(*) as votes from given g
                                       where g.object = t.id and g.kind = 'Answer'
                                         and g.option = entries.option ->> 'name') as lost) as options
                     from (values ('oneOf'), ('anyOf')) as poll (field)
                     where jsonb_typeof(t.data -> field) = 'array'
                       and exists (select from given g where g.object = t.id and g.kind = 'Answer')) as p
               where options is not null), '{}') as data
    from target t
)
update public.objects o
set data = o.data || changed.data, updated_at = date_trunc('second', timezone('UTC', now()))
from changed
where o.id = changed.id and changed.data <> '{}'

//! The statements that name an activity's object, in both forms of the server's index on it.
//!
//! The expression must be literally that of the index, or PostgreSQL reads the whole table.

/// Writes a statement with `associated_object_id(data)` or with the older expression.
macro_rules! both_forms {
    ($function:ident, $coalesce:ident, $before:literal, $after:literal) => {
        pub(super) const $function: &str =
            concat!($before, "public.associated_object_id(a.data)", $after);
        pub(super) const $coalesce: &str =
            concat!($before, "coalesce(a.data -> 'object' ->> 'id', a.data ->> 'object')", $after);
    };
}

both_forms!(
    WALK_FUNCTION,
    WALK_COALESCE,
    // $1: actor, $2: after this activity, $3: up to this one, $4: at most so many.
    // NULLS FIRST, so that the index (actor, id DESC NULLS LAST) can be walked backwards.
    "select a.id, a.data ->> 'id' as ap_id, a.data ->> 'type' as kind, a.data ->> 'expires_at' as expires_at,
            case when jsonb_typeof(a.data -> 'object') <> 'array' or a.data ->> 'type' <> 'Create' then ",
    " end as object_id,
            case when a.data ->> 'type' in ('Like', 'Announce') then a.data end as data
     from public.activities a
     where a.actor = $1 and a.id > $2 and a.id <= $3
     order by a.id nulls first
     limit $4"
);

both_forms!(
    REMOVE_OTHERS_FUNCTION,
    REMOVE_OTHERS_COALESCE,
    // $1: deleted objects, $2: likes and boosts taken back, $3: actor, $4 and $5: the run's range.
    // Whatever anybody did to a deleted object goes with it; notifications and bookmarks follow by
    // foreign key. Counts the actor's own likes and boosts of the run's plan among them, and names
    // the posts, which are left for the last statement.
    "with about as materialized (
         select a.id, a.data ->> 'type' as kind from public.activities a
         where (",
    " = any ($1) and a.data ->> 'type' <> 'Delete') or a.id = any ($2)
     ), removed as (
         delete from public.activities a
         where a.id = any (array(select id from about where kind <> 'Create'))
         returning a.id, a.actor, a.data ->> 'type' as kind
     )
     select (select count(*) from removed
             where actor = $3 and id > $4 and id <= $5 and kind in ('Like', 'Announce')) as removed,
            array(select id from about where kind = 'Create' order by id) as posts"
);

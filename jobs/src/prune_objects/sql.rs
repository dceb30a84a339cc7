//! Statements (docs/semantics.md 12.3 to 12.5).
//!
//! What decides about an object has the same parameters everywhere. `$1`: the deadline, `$2`: the
//! server's host, `$3`: ids that open reports name, `$4`: whether what is not public stays, `$5`: what
//! stays of followed accounts: `none`, `posts` or `full`.

use ostrakon_server::{Server, dialect_sql};

use crate::orphans::sql::orphaned;

/// Whether a document is addressed to the public.
macro_rules! public {
    ($data:literal) => {
        concat!(
            "(coalesce(",
            $data,
            " -> 'to' ? 'https://www.w3.org/ns/activitystreams#Public', false)
              or coalesce(",
            $data,
            " -> 'cc' ? 'https://www.w3.org/ns/activitystreams#Public', false))"
        )
    };
}

/// Whether somebody here follows an account.
macro_rules! followed {
    ($actor:literal) => {
        concat!(
            "exists (select from public.users author
                     join public.following_relationships r on r.following_id = author.id and r.state = 2
                     join public.users follower on follower.id = r.follower_id and follower.local
                     where author.ap_id = ",
            $actor,
            ")"
        )
    };
}

/// Host of an object's author, without a port.
macro_rules! host {
    () => {
        "lower(split_part(split_part(o.data ->> 'actor', '/', 3), ':', 1))"
    };
}

/// Whether nothing protects an object that is old enough: a report, or an author who is local,
/// whatever the host.
macro_rules! unprotected {
    () => {
        "(o.data ->> 'id' = any ($3)) is not true
         and not exists (select from public.users own where own.ap_id = o.data ->> 'actor' and own.local)"
    };
}

/// Whether an object is old, without regard to its thread.
macro_rules! old {
    () => {
        concat!(
            "o.updated_at < $1 and ",
            host!(),
            " <> $2 and (not $4 or ",
            public!("o.data"),
            ") and ",
            unprotected!(),
            " and not ($5 <> 'none' and ",
            followed!("o.data ->> 'actor'"),
            ")"
        )
    };
}

/// Whether an object may go with its thread.
macro_rules! old_in_thread {
    () => {
        concat!(host!(), " is distinct from $2 and ", unprotected!())
    };
}

/// Whether an activity keeps its thread.
macro_rules! keeps {
    () => {
        concat!(
            "(a.updated_at >= $1 or a.local
              or ($4 and a.data ->> 'type' = 'Create' and not ",
            public!("a.data"),
            ") or exists (select from public.bookmarks b where b.activity_id = a.id)
              or ($5 <> 'none' and ($5 = 'full' or a.data ->> 'type' in ('Create', 'Announce')) and ",
            followed!("a.actor"),
            "))"
        )
    };
}

/// Next objects after `$1`, up to `$2`; at most `$3`.
pub(super) const NEXT_OBJECTS: &str = "select o.id from public.objects o
     where o.id > $1 and o.id <= $2 order by o.id limit $3";

/// Looks at the next objects after `$6`, up to `$7`, at most `$8`, and deletes the old ones, at most
/// `$9`. Returns the last object that is dealt with, how many were
/// looked at, and how many were deleted.
///
/// One statement: to lock the rows first would write each of them twice. What the server changes while the
/// statement waits for it is not old any more, whatever else decides about it. Deliveries are only of local
/// objects; but their foreign key does not cascade.
pub(super) const DELETE_NEXT: &str = concat!(
    "with looked_at as materialized (
         select o.id from public.objects o where o.id > $6 and o.id <= $7 order by o.id limit $8
     ), old as materialized (
         select o.id from looked_at join public.objects o on o.id = looked_at.id
         where ",
    old!(),
    " order by o.id limit $9
     ), undelivered as (
         delete from public.deliveries d where d.object_id in (select id from old)
     ), deleted as (
         delete from public.objects o using old where o.id = old.id and o.updated_at < $1 returning o.id
     )
     select case when (select count(*) from old) = $9 then (select max(id) from old)
                 else (select max(id) from looked_at) end,
            (select count(*) from looked_at), (select count(*) from deleted)"
);

/// `$6`: objects. Locks those of them that are old.
pub(super) const FIND: &str = concat!(
    "select o.id, o.data ->> 'id' as ap_id from public.objects o where o.id = any ($6) and ",
    old!(),
    " order by o.id for update of o"
);

/// `$6`: objects, `$7`: last thread, or none. Locks those of them whose thread is old. The index of
/// threads begins with the type, so the types are listed first, each with one look at the index.
pub(super) const FIND_IN_THREADS: &str = concat!(
    "with recursive kind as (
         (select min(a.data ->> 'type') as name from public.activities a)
         union all
         select (select min(a.data ->> 'type') from public.activities a where a.data ->> 'type' > kind.name)
         from kind where kind.name is not null
     ), thread as materialized (
         select distinct o.data ->> 'context' as context
         from public.objects o
         where o.id = any ($6) and o.data ->> 'context' is not null
           and ($7::text is null or o.data ->> 'context' <= $7)
     ), old as materialized (
         select thread.context
         from thread, lateral (
             select bool_or(each.keeps) as keeps
             from kind, lateral (
                 select ",
    keeps!(),
    " as keeps
                 from public.activities a
                 where a.data ->> 'type' = kind.name and a.data ->> 'context' = thread.context
                 offset 0
             ) as each
         ) as judged
         where not judged.keeps
     )
     select o.id, o.data ->> 'id' as ap_id
     from public.objects o
     where o.id = any ($6) and o.data ->> 'context' in (select context from old) and ",
    old_in_thread!(),
    " order by o.id for update of o"
);

/// `$1`: objects. Deliveries are only of local objects; but their foreign key does not cascade.
pub(super) const DELETE_DELIVERIES: &str =
    "delete from public.deliveries d where d.object_id = any ($1::bigint[])";

/// `$1`: objects, locked before.
pub(super) const DELETE: &str = "delete from public.objects o where o.id = any ($1)";

/// Next bookmarks after `$1`; at most `$2`.
pub(super) const NEXT_BOOKMARKS: &str =
    "select b.id from public.bookmarks b where b.id > $1 order by b.id limit $2";

/// `$1`: bookmarks. Deletes those of posts whose object is gone.
const DELETE_BOOKMARKS: &str = "delete from public.bookmarks b
     where b.id = any ($1)
       and not exists (select from public.activities a
                       join public.objects o on o.data ->> 'id' = public.associated_object_id(a.data)
                       where a.id = b.activity_id)";

pub(super) fn delete_bookmarks(server: &Server) -> &'static str {
    dialect_sql!(server, DELETE_BOOKMARKS)
}

/// Next hashtags after `$1`; at most `$2`.
pub(super) const NEXT_HASHTAGS: &str =
    "select h.id from public.hashtags h where h.id > $1 order by h.id limit $2";

/// `$1`: hashtags. Deletes those that nothing has, and that nobody follows.
pub(super) const fn delete_hashtags(server: &Server) -> &'static str {
    if server.schema.followed_hashtags {
        include_str!("../delete_activities/remove_hashtags_nobody_follows.sql")
    } else {
        include_str!("../delete_activities/remove_hashtags.sql")
    }
}

/// What the next `$2` replies are to, after `$1`.
pub(super) const NEXT_ANSWERED: &str = "select o.data ->> 'inReplyTo' from public.objects o
     where o.data ->> 'inReplyTo' > $1 order by o.data ->> 'inReplyTo' limit $2";

/// Replies that count.
macro_rules! replies {
    () => {
        concat!("o.data ->> 'type' is distinct from 'Answer' and ", public!("o.data"))
    };
}

/// Number of replies that an object says it has.
macro_rules! stored {
    () => {
        "case jsonb_typeof(p.data -> 'repliesCount') when 'number' then (p.data ->> 'repliesCount')::numeric end"
    };
}

/// `$1`: ids of posts that have replies. Adds the difference between what is counted and what is
/// stored: what the server counts meanwhile remains.
pub(super) const COUNT_REPLIES: &str = concat!(
    "with answered as materialized (
         select p.id, counted.replies, ",
    stored!(),
    " as stored
         from public.objects p, lateral (
             select count(*) as replies from public.objects o
             where o.data ->> 'inReplyTo' = p.data ->> 'id' and ",
    replies!(),
    " offset 0
         ) as counted
         where p.data ->> 'id' = any ($1) and p.data ->> 'type' is distinct from 'Tombstone'
     )
     update public.objects p
     set data = jsonb_set(p.data, '{repliesCount}',
                          to_jsonb(trunc(greatest(0, coalesce(",
    stored!(),
    " - answered.stored, 0) + answered.replies))))
     from answered
     where p.id = answered.id and answered.replies > 0 and answered.stored is distinct from answered.replies"
);

/// What may still be used once the objects to be deleted are gone.
macro_rules! alive {
    () => {
        " and not exists (select from doomed d where d.id = o.id)"
    };
}

/// Objects to be deleted, old ones: a query `doomed`. `$6`: maximum number, or none, `$7`: ids of pinned objects.
macro_rules! doomed {
    () => {
        concat!(
            "thread as materialized (select null::text as context where false),
             doomed as materialized (
                 select o.id from public.objects o where ",
            old!(),
            " and not exists (select from unnest($7::text[]) as pin (id) where pin.id = o.data ->> 'id')
                 order by o.id limit $6)"
        )
    };
}

/// The same with their threads. The maximum is that of threads that have any such object.
macro_rules! doomed_in_threads {
    () => {
        concat!(
            "old_thread as materialized (
                 select a.data ->> 'context' as context from public.activities a
                 where a.data ->> 'context' is not null
                 group by a.data ->> 'context'
                 having not bool_or(",
            keeps!(),
            ")),
             old_object as materialized (
                 select o.id, o.data ->> 'context' as context from public.objects o
                 where o.data ->> 'context' in (select context from old_thread) and ",
            old_in_thread!(),
            " and not exists (select from unnest($7::text[]) as pin (id) where pin.id = o.data ->> 'id')),
             thread as materialized (select distinct context from old_object order by context limit $6),
             doomed as materialized (
                 select id from old_object
                 where $6::bigint is null or context <= (select max(context) from thread))"
        )
    };
}

/// Bookmarks of posts whose objects are gone by then.
macro_rules! bookmarks {
    () => {
        concat!(
            "(select count(*) from public.bookmarks b
              where not exists (select from public.activities a
                                join public.objects o on o.data ->> 'id' = public.associated_object_id(a.data)
                                where a.id = b.activity_id",
            alive!(),
            "))"
        )
    };
}

/// Hashtags that nothing has by then; `$more` is what else must hold.
macro_rules! hashtags {
    ($more:literal) => {
        concat!(
            "(select count(*) from public.hashtags h
              where not exists (select from public.hashtags_objects used
                                where used.hashtag_id = h.id
                                  and not exists (select from doomed d where d.id = used.object_id))",
            $more,
            ")"
        )
    };
}

/// Counts everything. `$8`: whether orphaned activities are to be deleted, `$9`: whether these lists are
/// only those of reports, `$10`: newest activity, `$11`: whether replies are to be counted.
macro_rules! count {
    ($doomed:expr, $bookmarks:expr, $hashtags:expr) => {
        concat!(
            "with recursive ",
            $doomed,
            ", orphaned as (",
            orphaned!("$8", "$8", "$9", "$3", "$10", "$6", alive!()),
            ")
             select (select count(*) from doomed) as objects,
                    (select max(context) from thread) as last_thread, ",
            $bookmarks,
            " as bookmarks,
                    case when $8 then (select count(*) from orphaned) else 0 end as activities, ",
            $hashtags,
            " as hashtags,
                    case when $11 then (
                        select count(*) from (
                            select o.data ->> 'inReplyTo' as parent, count(*) as replies
                            from public.objects o
                            where o.data ->> 'inReplyTo' is not null and ",
            replies!(),
            alive!(),
            " group by 1) as answered
                        join public.objects p on p.data ->> 'id' = answered.parent
                        where p.data ->> 'type' is distinct from 'Tombstone'
                          and not exists (select from doomed d where d.id = p.id) and ",
            stored!(),
            " is distinct from answered.replies
                    ) else 0 end as reply_counts"
        )
    };
}

const FOLLOWED: &str = count!(
    doomed!(),
    bookmarks!(),
    hashtags!(
        " and not exists (select from public.user_follows_hashtag f where f.hashtag_id = h.id)"
    )
);
const TAGGED: &str = count!(doomed!(), bookmarks!(), hashtags!(""));
const UNTAGGED: &str = count!(doomed!(), bookmarks!(), "0::bigint");
const FOLLOWED_THREADS: &str = count!(
    doomed_in_threads!(),
    "0::bigint",
    hashtags!(
        " and not exists (select from public.user_follows_hashtag f where f.hashtag_id = h.id)"
    )
);
const TAGGED_THREADS: &str = count!(doomed_in_threads!(), "0::bigint", hashtags!(""));
const UNTAGGED_THREADS: &str = count!(doomed_in_threads!(), "0::bigint", "0::bigint");

/// Counts old objects only. `$1` to `$7`: as above.
pub(super) const COUNT_OBJECTS: &str = concat!("with ", doomed!(), " select count(*) from doomed");
pub(super) const COUNT_OBJECTS_IN_THREADS: &str =
    concat!("with ", doomed_in_threads!(), " select count(*) from doomed");

/// Counts everything that a run will do.
pub(super) fn count(server: &Server, threads: bool) -> &'static str {
    match (threads, server.dialect.hashtags, server.schema.followed_hashtags) {
        (false, true, true) => dialect_sql!(server, FOLLOWED),
        (false, true, false) => dialect_sql!(server, TAGGED),
        (false, false, _) => dialect_sql!(server, UNTAGGED),
        (true, true, true) => dialect_sql!(server, FOLLOWED_THREADS),
        (true, true, false) => dialect_sql!(server, TAGGED_THREADS),
        (true, false, _) => dialect_sql!(server, UNTAGGED_THREADS),
    }
}

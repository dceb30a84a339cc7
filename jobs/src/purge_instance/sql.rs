//! Statements that share conditions.

use ostrakon_server::{Server, dialect_sql};

/// Whether a host is among `$1`, or below one of `$2`. `$host`: an expression.
macro_rules! is_meant {
    ($host:expr) => {
        concat!(
            "(lower(",
            $host,
            ") = any ($1::text[])
              or exists (select from unnest($2::text[]) as below (suffix)
                         where right(lower(",
            $host,
            "), length(suffix)) = suffix))"
        )
    };
}

/// Host of an address.
macro_rules! host_of {
    ($address:expr) => {
        concat!(
            "substring(",
            $address,
            " from '^[Hh][Tt][Tt][Pp][Ss]?://(?:[^/?#@]*@)?([^/?#:]+)')"
        )
    };
}

/// Host of a nickname.
macro_rules! host_of_nickname {
    ($nickname:expr) => {
        concat!("substring(", $nickname, " from '@([^@]+)$')")
    };
}

/// Whether a post stays. `$object`: its ActivityPub id; `$kept`: ids that stay, `$liked` and
/// `$replied`: whether likes and replies of local accounts keep it.
macro_rules! stays {
    ($object:literal, $kept:literal, $liked:literal, $replied:literal) => {
        concat!(
            "(",
            $object,
            " = any (",
            $kept,
            "::text[])
              or cardinality(",
            $kept,
            "::text[]) > 0 and exists (
                  select from public.activities a
                  where public.associated_object_id(a.data) = ",
            $object,
            "
                    and a.data ->> 'type' = 'Create' and a.data ->> 'id' = any (",
            $kept,
            "::text[]))
              or ",
            $liked,
            " and exists (
                  select from public.activities a
                  where public.associated_object_id(a.data) = ",
            $object,
            "
                    and a.data ->> 'type' = 'Like' and a.local)
              or ",
            $replied,
            " and exists (
                  select from public.objects reply, public.users author
                  where reply.data ->> 'inReplyTo' = ",
            $object,
            "
                    and reply.data ->> 'type' is distinct from 'Answer'
                    and author.ap_id = reply.data ->> 'actor' and author.local)) is true"
        )
    };
}

/// Accounts of the host and of its sub-domains, by nickname or by address; whether each is of a
/// sub-domain only, and whether a local account follows it. $1: spellings of the host, $2: the
/// same with a dot.
const ACCOUNTS: &str = concat!(
    "with named as materialized (
         select id from public.users
         where not local and (",
    is_meant!(host_of_nickname!("nickname::text")),
    " or ",
    is_meant!(host_of!("ap_id")),
    ")
     )
     select u.id, u.ap_id, u.follower_address,
            (lower(",
    host_of_nickname!("u.nickname::text"),
    ") = any ($1) or lower(",
    host_of!("u.ap_id"),
    ") = any ($1)) is not true as below,
            exists (select from public.following_relationships r,
                         lateral (select local from public.users where id = r.follower_id offset 0) f
                    where r.following_id = u.id and r.state = 2 and f.local) as followed
     from named, lateral (select id, ap_id, nickname, follower_address
                          from public.users where id = named.id offset 0) u"
);

/// Actors of the host without a row in `users`. From one to the next by the index: PostgreSQL would
/// read all activities to list them.
const ACTORS_OF_ACTIVITIES: &str = concat!(
    "with recursive found as (
         (select a.actor::text as actor from public.activities a order by a.actor limit 1)
         union all
         select (select a.actor::text from public.activities a where a.actor > found.actor order by a.actor limit 1)
         from found where found.actor is not null
     )
     select actor from found
     where ",
    is_meant!(host_of!("actor")),
    " and not exists (select from public.users u where u.ap_id = found.actor)"
);

const ACTORS_OF_OBJECTS: &str = concat!(
    "with recursive found as (
         (select o.data ->> 'actor' as actor from public.objects o
          where o.data ->> 'actor' > '' order by o.data ->> 'actor' limit 1)
         union all
         select (select o.data ->> 'actor' from public.objects o
                 where o.data ->> 'actor' > found.actor order by o.data ->> 'actor' limit 1)
         from found where found.actor is not null
     )
     select actor from found
     where ",
    is_meant!(host_of!("actor")),
    " and not exists (select from public.users u where u.ap_id = found.actor)"
);

/// Next activities of some actors, one actor after the other, and whether each stays. $1: actors,
/// $2: whether posts and boosts of each stay, $3: after this activity of the first, $4: maximum
/// number, $5: ids that stay, $6: whether liked posts stay, $7: those that were replied to.
const WALK: &str = concat!(
    "select given.n, w.id, w.actor, w.kind, w.ap_id, w.object, w.context,
            case when w.ap_id = any ($5::text[]) then true
                 when w.kind = 'Flag' then w.open
                 when w.kind in ('Create', 'Announce') and given.keeps_posts then true
                 when w.kind = 'Create' then ",
    stays!("w.object", "$5", "$6", "$7"),
    " else false end as stays
     from unnest($1::text[], $2::bool[]) with ordinality as given (actor, keeps_posts, n),
          lateral (select a.id, a.actor::text as actor, coalesce(a.data ->> 'type', '') as kind,
                          a.data ->> 'id' as ap_id, public.associated_object_id(a.data) as object,
                          left(a.data ->> 'context', 255) as context,
                          coalesce(a.data ->> 'state', 'open') not in ('resolved', 'closed') as open
                   from public.activities a
                   where a.actor = given.actor
                     and a.id > case when given.n = 1 then $3::uuid
                                     else '00000000-0000-0000-0000-000000000000' end
                   order by a.id nulls first limit $4) w
     limit $4"
);

/// Counts activities that do not stay: posts, likes with boosts and reactions, others. As in
/// [`WALK`], without $3 and $4.
const COUNT_ACTIVITIES: &str = concat!(
    "select count(*) filter (where kind = 'Create'),
            count(*) filter (where kind in ('Like', 'Announce', 'EmojiReact')),
            count(*) filter (where kind not in ('Create', 'Like', 'Announce', 'EmojiReact'))
     from unnest($1::text[], $2::bool[]) as given (actor, keeps_posts),
          lateral (select coalesce(a.data ->> 'type', '') as kind, a.data ->> 'id' as ap_id,
                          public.associated_object_id(a.data) as object,
                          coalesce(a.data ->> 'state', 'open') not in ('resolved', 'closed') as open
                   from public.activities a where a.actor = given.actor offset 0) w
     where not case when w.ap_id = any ($3::text[]) then true
                    when w.kind = 'Flag' then w.open
                    when w.kind in ('Create', 'Announce') and given.keeps_posts then true
                    when w.kind = 'Create' then ",
    stays!("w.object", "$3", "$4", "$5"),
    " else false end"
);

/// Actors of whom an activity or an object stays. As in [`COUNT_ACTIVITIES`].
const STAYING_ACTORS: &str = concat!(
    "select given.actor
     from unnest($1::text[], $2::bool[]) as given (actor, keeps_posts)
     where given.keeps_posts or exists (
         select from (select coalesce(a.data ->> 'type', '') as kind, a.data ->> 'id' as ap_id,
                             public.associated_object_id(a.data) as object,
                             coalesce(a.data ->> 'state', 'open') not in ('resolved', 'closed') as open
                      from public.activities a where a.actor = given.actor offset 0) w
         where case when w.ap_id = any ($3::text[]) then true
                    when w.kind = 'Flag' then w.open
                    when w.kind = 'Create' then ",
    stays!("w.object", "$3", "$4", "$5"),
    " else false end
     ) or exists (
         select from (select o.data ->> 'id' as ap_id from public.objects o
                      where o.data ->> 'actor' = given.actor offset 0) w
         where ",
    stays!("w.ap_id", "$3", "$4", "$5"),
    ")"
);

/// Objects of actors that do not stay, in order. $1: actors, $2: after this object, $3: maximum
/// number, $4: ids that stay, $5 and $6 as $6 and $7 of [`WALK`].
const OBJECTS: &str = concat!(
    "select o.id
     from (select o.id, o.data ->> 'id' as ap_id from public.objects o
           where o.data ->> 'actor' = any ($1) and o.id > $2 offset 0) o
     where not ",
    stays!("o.ap_id", "$4", "$5", "$6"),
    " order by o.id limit $3"
);

/// Removes jobs that are about the host, among these rows ($3). $1, $2: the host.
const REMOVE_JOBS: &str = concat!(
    "delete from public.oban_jobs j
     where j.id = any ($3) and j.state <> 'executing' and exists (
         select from (values (j.args #>> '{params,inbox}'), (j.args #>> '{params,actor}'),
                             (j.args #>> '{params,object}'), (j.args #>> '{params,object,id}'),
                             (j.args ->> 'id'), (j.args ->> 'url'), (j.args ->> 'host'))
                  as named (address)
         where ",
    is_meant!(concat!("coalesce(", host_of!("address"), ", address)")),
    ")"
);

/// Counts rows about the host itself: one in the whole table, unless sub-domains have some. A pass
/// over a small table.
pub(super) const COUNT_INSTANCES: &str = concat!(
    "with named as materialized (select host from public.instances where ",
    is_meant!("host"),
    ") select count(*) from named"
);

/// Counts accounts by the host of their address, where their nickname is on another.
pub(super) const ACCOUNTS_BY_ADDRESS: &str = concat!(
    "with named as materialized (
         select lower(",
    host_of!("ap_id"),
    ") as host, lower(",
    host_of_nickname!("nickname::text"),
    ") as nickname_host from public.users where not local
     )
     select host, count(*) from named
     where host is not null and host is distinct from nickname_host group by host"
);

/// Accounts of the host.
pub(super) const FOLLOWED_ACCOUNTS: &str = concat!(
    "with named as materialized (
         select id from public.users
         where not local and (",
    is_meant!(host_of_nickname!("nickname::text")),
    " or ",
    is_meant!(host_of!("ap_id")),
    ")
     )
     select id from named"
);

/// Removes rows about the host itself. $1, $2: the host.
pub(super) const REMOVE_INSTANCES: &str = concat!(
    "with named as materialized (select id from public.instances where ",
    is_meant!("host"),
    ") delete from public.instances i where i.id = any (array(select id from named))"
);

/// The same in the counters of posts. $3: whether it is removed even if it counts posts.
pub(super) const REMOVE_COUNTERS: &str = concat!(
    "with named as materialized (select id from public.counter_cache where ",
    is_meant!("instance"),
    " and ($3 or public <= 0 and unlisted <= 0 and private <= 0 and direct <= 0)
     ) delete from public.counter_cache c where c.id = any (array(select id from named))"
);

/// Threads of the host that local accounts have muted, among these rows ($3): those without posts.
pub(super) const UNMUTE: &str = concat!(
    "delete from public.thread_mutes m
     where m.id = any ($3) and ",
    is_meant!(host_of!("m.context")),
    " and not exists (select from public.activities a
                      where a.data ->> 'type' = 'Create' and a.data ->> 'context' = m.context)"
);

/// Removes accounts of the host from lists, among these rows ($3). $4: further actors, $5: those
/// that stay in lists.
pub(super) const UNLIST: &str = concat!(
    "update public.lists l
     set following = array(select entry from unnest(l.following) with ordinality as entries (entry, n)
                           where ((",
    is_meant!(host_of!("entry")),
    " or entry = any ($4)) is not true or entry = any ($5)) order by n),
         updated_at = date_trunc('second', timezone('UTC', now()))
     where l.id = any ($3)
       and exists (select from unnest(l.following) as entry
                   where (",
    is_meant!(host_of!("entry")),
    " or entry = any ($4)) and entry <> all ($5))"
);

pub(super) const ACCOUNTS_OF_HOST: &str = ACCOUNTS;
pub(super) const ACTORS_WITHOUT_ACCOUNT: [&str; 2] = [ACTORS_OF_ACTIVITIES, ACTORS_OF_OBJECTS];
pub(super) const REMOVE_JOBS_OF_HOST: &str = REMOVE_JOBS;

pub(super) fn walk(server: &Server) -> &'static str {
    dialect_sql!(server, WALK)
}

pub(super) fn count_activities(server: &Server) -> &'static str {
    dialect_sql!(server, COUNT_ACTIVITIES)
}

pub(super) fn staying_actors(server: &Server) -> &'static str {
    dialect_sql!(server, STAYING_ACTORS)
}

pub(super) fn objects(server: &Server) -> &'static str {
    dialect_sql!(server, OBJECTS)
}

pub(super) fn about(server: &Server) -> &'static str {
    dialect_sql!(server, include_str!("sql/about.sql"))
}

pub(super) fn listed_again(server: &Server) -> &'static str {
    dialect_sql!(server, include_str!("sql/listed_again.sql"))
}

pub(super) fn emoji(server: &Server) -> &'static str {
    dialect_sql!(server, include_str!("sql/emoji.sql"))
}

pub(super) fn addressed(server: &Server) -> &'static str {
    dialect_sql!(server, include_str!("sql/addressed.sql"))
}

pub(super) fn bookmarked(server: &Server) -> &'static str {
    dialect_sql!(server, include_str!("sql/bookmarked.sql"))
}

pub(super) fn staying_accounts(server: &Server) -> &'static str {
    dialect_sql!(server, include_str!("sql/staying_accounts.sql"))
}

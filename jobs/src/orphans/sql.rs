//! Statements that find and delete orphaned activities (docs/semantics.md 12.2).
//!
//! The macros take parameters as text: whether activities with one object are meant, whether those
//! with a list are, whether these lists are only those of reports, and the ids that open reports
//! name. `$alive` is what else must hold of an object, so that it counts.

use ostrakon_server::{Server, dialect_sql};

/// Whether nothing here has an id.
macro_rules! unknown {
    ($id:literal, $alive:expr) => {
        concat!(
            "not exists (select from public.objects o where o.data ->> 'id' = ",
            $id,
            $alive,
            ") and not exists (select from public.activities named where named.data ->> 'id' = ",
            $id,
            ") and not exists (select from public.users u where u.ap_id = ",
            $id,
            ")"
        )
    };
}
pub(crate) use unknown;

/// Whether an activity has one object, which nothing here is.
macro_rules! single {
    ($singles:literal, $alive:expr) => {
        concat!(
            $singles,
            " and not a.local and jsonb_typeof(a.data -> 'object') = 'string' and ",
            $crate::orphans::sql::unknown!("a.data ->> 'object'", $alive)
        )
    };
}
pub(crate) use single;

/// Objects of an activity with a list of them.
macro_rules! listed {
    () => {
        "case jsonb_typeof(a.data -> 'object') when 'array' then a.data -> 'object' else '[]' end"
    };
}
pub(crate) use listed;

/// Whether an activity has a list of objects, and nothing here is any of them.
macro_rules! list {
    ($lists:literal, $reports:literal, $alive:expr) => {
        concat!(
            $lists,
            " and case when ",
            $reports,
            " then a.data ->> 'type' = 'Flag' else not a.local end
             and jsonb_array_length(",
            $crate::orphans::sql::listed!(),
            ") > 0
             and not exists (
                 select from jsonb_array_elements_text(",
            $crate::orphans::sql::listed!(),
            ") as entry (id)
                 where not (",
            $crate::orphans::sql::unknown!("entry.id", $alive),
            "))"
        )
    };
}
pub(crate) use list;

/// Whether no report needs an activity. Not every server lets a report with notes be deleted.
macro_rules! unreported {
    ($reported:literal) => {
        concat!(
            "(a.data ->> 'type' = 'Flag'
              and (a.data ->> 'state' = 'open'
                   or exists (select from public.report_notes n where n.activity_id = a.id))) is not true
             and (a.data ->> 'id' = any (",
            $reported,
            ")) is not true"
        )
    };
}
pub(crate) use unreported;

/// Rows of a recursive query `orphaned`, from the parameters above, the last activity and the maximum
/// number of each kind, or none. Without a maximum it also has what has one object, which is an
/// activity that is counted.
macro_rules! orphaned {
    ($singles:literal, $lists:literal, $reports:literal, $reported:literal, $until:literal, $limit:literal, $alive:expr) => {
        concat!(
            "(select a.data ->> 'id' as id from public.activities a
              where a.id <= ",
            $until,
            " and ",
            $crate::orphans::sql::single!($singles, $alive),
            " and ",
            $crate::orphans::sql::unreported!($reported),
            " limit ",
            $limit,
            ")
             union all
             (select a.data ->> 'id' from public.activities a
              where a.id <= ",
            $until,
            " and ",
            $crate::orphans::sql::list!($lists, $reports, $alive),
            " and ",
            $crate::orphans::sql::unreported!($reported),
            " limit ",
            $limit,
            ")
             union all
             select a.data ->> 'id'
             from orphaned
             join public.activities a on public.associated_object_id(a.data) = orphaned.id
             where ",
            $limit,
            "::bigint is null and a.id <= ",
            $until,
            " and ",
            $singles,
            " and not a.local
               and a.data -> 'object' = to_jsonb(orphaned.id)
               and not exists (select from public.objects o where o.data ->> 'id' = orphaned.id",
            $alive,
            ") and not exists (select from public.users u where u.ap_id = orphaned.id)
               and ",
            $crate::orphans::sql::unreported!($reported)
        )
    };
}
pub(crate) use orphaned;

/// Whether an activity is orphaned. `$1` to `$4`: the parameters above.
macro_rules! is_orphaned {
    () => {
        concat!("(", single!("$1", ""), " or ", list!("$2", "$3", ""), ") and ", unreported!("$4"))
    };
}

/// `$1` to `$4`: the parameters above, `$5`: last activity, `$6`: maximum number of each kind.
const COUNT: &str = concat!(
    "with recursive orphaned as (",
    orphaned!("$1", "$2", "$3", "$4", "$5", "$6", ""),
    ") select count(*) from orphaned"
);

pub(super) fn count(server: &Server) -> &'static str {
    dialect_sql!(server, COUNT)
}

/// `$5`: activities. Those of them that are orphaned, and whether each has a list of objects.
pub(super) const FIND: &str = concat!(
    "select a.id, jsonb_typeof(a.data -> 'object') = 'array' as is_list
     from public.activities a
     where a.id = any ($5) and ",
    is_orphaned!(),
    " order by a.id"
);

/// `$5`: activities. Deletes those of them that are orphaned; the ids that they had.
pub(super) const DELETE: &str = concat!(
    "delete from public.activities a
     where a.id = any ($5) and ",
    is_orphaned!(),
    " returning a.data ->> 'id'"
);

/// `$1`: whether they are meant, `$2`: ids that open reports name, `$3`: ids of deleted activities,
/// `$4`: last activity, `$5`: maximum number. Activities with one of these as their object.
const ABOUT: &str = concat!(
    "select a.id from public.activities a
     where public.associated_object_id(a.data) = any ($3) and a.id <= $4 and ",
    single!("$1", ""),
    " and ",
    unreported!("$2"),
    " limit $5"
);

pub(super) fn about(server: &Server) -> &'static str {
    dialect_sql!(server, ABOUT)
}

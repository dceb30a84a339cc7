//! Statements that find and delete orphaned activities (docs/semantics.md 12.2). In all of them `$1`
//! says whether activities with one object are meant, `$2` whether those with a list are, `$3` whether
//! these lists are only those of reports, and `$4` has the ids that open reports name.

use ostrakon_server::{Server, dialect_sql};

/// Whether nothing here has an id.
macro_rules! unknown {
    ($id:literal) => {
        concat!(
            "not exists (select from public.objects o where o.data ->> 'id' = ",
            $id,
            ") and not exists (select from public.activities named where named.data ->> 'id' = ",
            $id,
            ") and not exists (select from public.users u where u.ap_id = ",
            $id,
            ")"
        )
    };
}

/// Whether an activity has one object, which nothing here is.
macro_rules! single {
    () => {
        concat!(
            "$1 and not a.local and jsonb_typeof(a.data -> 'object') = 'string' and ",
            unknown!("a.data ->> 'object'")
        )
    };
}

/// Objects of an activity with a list of them.
macro_rules! listed {
    () => {
        "case jsonb_typeof(a.data -> 'object') when 'array' then a.data -> 'object' else '[]' end"
    };
}

/// Whether an activity has a list of objects, and nothing here is any of them.
macro_rules! list {
    () => {
        concat!(
            "$2 and case when $3 then a.data ->> 'type' = 'Flag' else not a.local end
             and jsonb_array_length(",
            listed!(),
            ") > 0
             and not exists (
                 select from jsonb_array_elements_text(",
            listed!(),
            ") as entry (id)
                 where not (",
            unknown!("entry.id"),
            "))"
        )
    };
}

/// Whether no report needs an activity. Not every server lets a report with notes be deleted.
macro_rules! unreported {
    () => {
        "(a.data ->> 'type' = 'Flag'
          and (a.data ->> 'state' = 'open'
               or exists (select from public.report_notes n where n.activity_id = a.id))) is not true
         and (a.data ->> 'id' = any ($4)) is not true"
    };
}

/// `$5`: last activity, `$6`: maximum number of each kind, or none. Without a maximum it also counts
/// what has one object, which is an activity that is counted.
const COUNT: &str = concat!(
    "with recursive orphaned as (
         (select a.data ->> 'id' as id from public.activities a
          where a.id <= $5 and ",
    single!(),
    " and ",
    unreported!(),
    " limit $6)
         union all
         (select a.data ->> 'id' from public.activities a
          where a.id <= $5 and ",
    list!(),
    " and ",
    unreported!(),
    " limit $6)
         union all
         select a.data ->> 'id'
         from orphaned
         join public.activities a on public.associated_object_id(a.data) = orphaned.id
         where $6::bigint is null and a.id <= $5 and $1 and not a.local
           and a.data -> 'object' = to_jsonb(orphaned.id)
           and not exists (select from public.objects o where o.data ->> 'id' = orphaned.id)
           and not exists (select from public.users u where u.ap_id = orphaned.id)
           and ",
    unreported!(),
    "
     )
     select count(*) from orphaned"
);

pub(super) fn count(server: &Server) -> &'static str {
    dialect_sql!(server, COUNT)
}

/// `$5`: activities. Those of them that are orphaned, and whether each has a list of objects.
pub(super) const FIND: &str = concat!(
    "select a.id, jsonb_typeof(a.data -> 'object') = 'array' as is_list
     from public.activities a
     where a.id = any ($5) and (",
    single!(),
    " or ",
    list!(),
    ") and ",
    unreported!(),
    " order by a.id"
);

/// `$5`: activities. Deletes those of them that are orphaned; the ids that they had.
pub(super) const DELETE: &str = concat!(
    "delete from public.activities a
     where a.id = any ($5) and (",
    single!(),
    " or ",
    list!(),
    ") and ",
    unreported!(),
    " returning a.data ->> 'id'"
);

/// `$5`: ids of deleted activities, `$6`: last activity, `$7`: maximum number. Activities with one of
/// these as their object.
const ABOUT: &str = concat!(
    "select a.id from public.activities a
     where public.associated_object_id(a.data) = any ($5) and a.id <= $6 and ",
    single!(),
    " and $2 is not null and $3 is not null and ",
    unreported!(),
    " limit $7"
);

pub(super) fn about(server: &Server) -> &'static str {
    dialect_sql!(server, ABOUT)
}

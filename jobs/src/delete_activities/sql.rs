//! Statements whose form differs between servers.
//!
//! An expression for an activity's object must be literally that of the server's index, or
//! PostgreSQL reads the whole table.

/// Address field as an array: a text becomes an array of one; anything else that is no array has no
/// addresses.
macro_rules! addresses {
    ($field:literal) => {
        concat!(
            "case jsonb_typeof(",
            $field,
            ") when 'array' then ",
            $field,
            " when 'string' then jsonb_build_array(",
            $field,
            ") else '[]' end"
        )
    };
}

/// Addresses as new activities have them: sorted, without duplicates and without invalid ones.
macro_rules! sorted {
    ($addresses:expr) => {
        concat!(
            "(select coalesce(jsonb_agg(address order by address collate \"C\"), '[]')
              from (select distinct entry #>> '{}' as address
                    from jsonb_array_elements(",
            $addresses,
            ") as entry
                    where jsonb_typeof(entry) = 'string'
                      and entry #>> '{}' ~* '^https?://([^/?#@]*@)?[^/?#:@]') as valid)"
        )
    };
}

/// Addresses as on Pleroma 2.2: in reverse order, with duplicates.
macro_rules! reversed {
    ($addresses:expr) => {
        concat!(
            "(select coalesce(jsonb_agg(entry order by n desc), '[]')
              from jsonb_array_elements(",
            $addresses,
            ") with ordinality as entries (entry, n))"
        )
    };
}

/// Inserts new activities of an account; `$made` has their ids, subjects and recipients. Drops
/// recipients whose address is too long for the column.
macro_rules! insert_made {
    ($kind:literal, $actor:literal, $hidden:literal, $more:literal, $made:expr) => {
        concat!(
            "insert into public.activities (id, data, actor, recipients, local, inserted_at, updated_at)
             select made.new,
                    jsonb_build_object('id', made.ap_id, 'type', '",
            $kind,
            "', 'actor', ",
            $actor,
            "::text, 'object', made.about, 'to', made.\"to\", 'cc', made.cc",
            $hidden,
            ")",
            $more,
            ", ",
            $actor,
            ", array(select address from jsonb_array_elements_text(made.\"to\" || made.cc)
                         with ordinality as addressed (address, n)
                     where length(address) <= 255 order by n),
                    true, moment, moment
             from (",
            $made,
            ") as made, date_trunc('second', timezone('UTC', now())) as moment
             order by made.n"
        )
    };
}

/// Inserts Deletes. $1: rows of posts, $2: ids of their Deletes, $3: the same as ActivityPub ids,
/// $4: the posts' activities as text where the Delete names them, $5: actor.
macro_rules! insert_deletes {
    ($hidden:literal, $addresses:expr) => {
        insert_made!(
            "Delete",
            "$5",
            $hidden,
            " || case when made.post is null then '{}' else jsonb_build_object('deleted_activity_id', made.post) end",
            concat!(
                "select given.new, given.ap_id, given.post, given.n, d.data -> 'id' as about, ",
                $addresses,
                " as \"to\", '[]'::jsonb as cc
                 from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[])
                          with ordinality as given (row, new, ap_id, post, n)
                 join public.objects o on o.id = given.row,
                      lateral (select o.data || '{}' as data offset 0) as d offset 0"
            )
        )
    };
}

pub(super) const INSERT_DELETES: &str = insert_deletes!(
    ", 'bto', '[]'::jsonb, 'bcc', '[]'::jsonb",
    sorted!(concat!(addresses!("d.data -> 'to'"), " || ", addresses!("d.data -> 'cc'")))
);
pub(super) const INSERT_DELETES_PLEROMA22: &str = insert_deletes!(
    "",
    reversed!(concat!(addresses!("d.data -> 'to'"), " || ", addresses!("d.data -> 'cc'")))
);

/// Inserts Undos. $1: likes and boosts, $2: ids of their Undos, $3: the same as ActivityPub ids,
/// $4: actor.
macro_rules! insert_undos {
    ($hidden:literal, $to:expr, $cc:expr) => {
        insert_made!(
            "Undo",
            "$4",
            $hidden,
            "",
            concat!(
                "select given.new, given.ap_id, given.n, a.data ->> 'id' as about, ",
                $to,
                " as \"to\", ",
                $cc,
                " as cc
                 from unnest($1::uuid[], $2::uuid[], $3::text[])
                          with ordinality as given (undone, new, ap_id, n)
                 join public.activities a on a.id = given.undone offset 0"
            )
        )
    };
}

pub(super) const INSERT_UNDOS: &str = insert_undos!(
    ", 'bto', '[]'::jsonb, 'bcc', '[]'::jsonb",
    sorted!(addresses!("a.data -> 'to'")),
    sorted!(addresses!("a.data -> 'cc'"))
);
pub(super) const INSERT_UNDOS_PLEROMA22: &str = insert_undos!(
    "",
    reversed!(addresses!("a.data -> 'to'")),
    reversed!(addresses!("a.data -> 'cc'"))
);

/// Counter of an object after losses. The value comes from other servers: what is no number stays
/// as it is, and the result never leaves the server's own range.
macro_rules! lowered {
    ($field:literal, $lost:literal) => {
        concat!(
            "case when ",
            $lost,
            " = 0 or o.data ->> 'type' = 'Tombstone' then '{}'
                  when o.data ->> '",
            $field,
            "' is null then '{\"",
            $field,
            "\": 0}'
                  when o.data ->> '",
            $field,
            "' ~ '^\\s*[-+]?[0-9]{1,18}\\s*$'
                  then jsonb_build_object('",
            $field,
            "',
                      greatest(0, least((o.data ->> '",
            $field,
            "')::bigint - ",
            $lost,
            ", 2147483647)))
                  when jsonb_typeof(o.data -> '",
            $field,
            "') = 'number'
                  then jsonb_build_object('",
            $field,
            "',
                      greatest(0, least((o.data -> '",
            $field,
            "')::numeric - ",
            $lost,
            ", 2147483647)))
                  else '{}' end"
        )
    };
}

/// List of actors without the first occurrences of `$1`, and its length. A list that is missing or
/// malformed counts as empty.
macro_rules! taken_back {
    ($list:literal, $count:literal, $lost:literal) => {
        concat!(
            "case when ", $lost, " = 0 then '{}' else (
                 select jsonb_build_object('", $list, "', kept, '", $count, "', jsonb_array_length(kept))
                 from (
                     select case when jsonb_array_length(actors) - jsonb_array_length(others) <= ", $lost, " then others
                         else (
                             select coalesce(jsonb_agg(entry order by n), '[]')
                             from (select entry, n, entry = to_jsonb($1::text) as own,
                                          row_number() over (partition by entry = to_jsonb($1::text) order by n) as nth
                                   from jsonb_array_elements(actors) with ordinality as entries (entry, n)) as entries
                             where not own or nth > ", $lost, ") end as kept
                     from (select actors, actors - $1::text as others
                           from (select case when jsonb_typeof(o.data -> '", $list, "') = 'array'
                                             then o.data -> '", $list, "' else '[]' end as actors offset 0) as a
                           offset 0) as b
                     offset 0) as c) end"
        )
    };
}

/// Removes from objects what the account's posts, likes and boosts added to them, in one statement.
/// `$1`: actor, `$2`: rows, `$3` to `$6`: replies, quotes, likes, boosts that each loses.
pub(super) const LESSEN: &str = concat!(
    "update public.objects o
     set data = o.data || ",
    lowered!("repliesCount", "lost.replies"),
    " || ",
    lowered!("quotesCount", "lost.quotes"),
    " || ",
    taken_back!("likes", "like_count", "lost.likes"),
    " || ",
    taken_back!("announcements", "announcement_count", "lost.boosts"),
    ",
         -- Counters that are written for many leave it alone, as on the server.
         updated_at = case when lost.likes + lost.boosts > 0 then date_trunc('second', timezone('UTC', now()))
                           else o.updated_at end
     from unnest($2::bigint[], $3::int[], $4::int[], $5::int[], $6::int[])
              as lost (row, replies, quotes, likes, boosts)
     where o.id = lost.row
       and (lost.likes + lost.boosts > 0 or o.data ->> 'type' is distinct from 'Tombstone')
     returning o.id, lost.replies, lost.quotes,
         case when lost.replies <> 0 and jsonb_typeof(o.data -> 'repliesCount') = 'number'
              then least((o.data ->> 'repliesCount')::numeric, 2147483647)::bigint end as replies_left,
         case when lost.quotes <> 0 and jsonb_typeof(o.data -> 'quotesCount') = 'number'
              then least((o.data ->> 'quotesCount')::numeric, 2147483647)::bigint end as quotes_left"
);

/// `$1`: objects that were deleted. Locks those that contain more than a tombstone does.
pub(super) const LOCK_UNDEAD: &str = "select o.id from public.objects o
     where o.id = any ($1)
       and (o.data ->> 'type' is distinct from 'Tombstone'
            or o.data - '{id,type,formerType,deleted}'::text[] <> '{}')
     order by o.id for update";

/// `$1`: objects, `$2`: account. Locks those that list the account among their likes or boosts.
pub(super) const LOCK_LISTED: &str = "select o.id from public.objects o
     where o.id = any ($1) and (o.data -> 'likes' ? $2 or o.data -> 'announcements' ? $2)
     order by o.id for update";

//! Statements that are written once, for today's servers, and take the form of the others by
//! replacing names when the program is compiled. What differs in more than names has two files.

/// Gives a statement the form of a server.
///
/// On `public.users` it names `is_active`, `is_confirmed` and `is_approved`, where Pleroma up to
/// 2.2 has columns with the opposite meaning. A name is replaced by a condition, so it cannot be
/// assigned to, nor select a column for an outer query without `as`.
///
/// An activity's object is `public.associated_object_id(a.data)`: the expression must be literally
/// that of the server's index, or PostgreSQL reads the whole table.
#[macro_export]
macro_rules! dialect_sql {
    ($server:expr, $sql:expr) => {{
        const TODAY: &str = $sql;
        const COALESCE: &str = $crate::coalesce_sql!(TODAY);
        const DEACTIVATED: &str = $crate::deactivated_sql!(TODAY);
        const BOTH: &str = $crate::deactivated_sql!(COALESCE);
        let dialect = $server.dialect;
        match (dialect.account_columns, dialect.associated_object) {
            ($crate::AccountColumns::Active, $crate::AssociatedObject::Function) => TODAY,
            ($crate::AccountColumns::Active, $crate::AssociatedObject::Coalesce) => COALESCE,
            ($crate::AccountColumns::Deactivated, $crate::AssociatedObject::Function) => {
                DEACTIVATED
            }
            ($crate::AccountColumns::Deactivated, $crate::AssociatedObject::Coalesce) => BOTH,
        }
    }};
}

/// The same for a statement that looks up accounts by their nicknames, in the index that the server
/// has.
#[macro_export]
macro_rules! nickname_sql {
    ($server:expr, $sql:expr) => {{
        const BY_NICKNAME: &str = $sql;
        const BY_LOWER: &str = $crate::lower_nickname_sql!(BY_NICKNAME);
        match $server.dialect.nickname_index {
            $crate::NicknameIndex::Nickname => $crate::dialect_sql!($server, BY_NICKNAME),
            $crate::NicknameIndex::Lower => $crate::dialect_sql!($server, BY_LOWER),
        }
    }};
}

/// A statement for servers with an index on `lower(nickname)`. For [`nickname_sql!`].
#[doc(hidden)]
#[macro_export]
macro_rules! lower_nickname_sql {
    ($sql:expr) => {{
        const ONE: &str = $crate::const_format::str_replace!(
            $sql,
            "nickname = $1::citext",
            "lower(nickname::text) = lower($1::text)"
        );
        const NAMED: &str = $crate::const_format::str_replace!(
            ONE,
            "nickname = named.nickname",
            "lower(nickname::text) = lower(named.nickname::text)"
        );
        const FOUND: &str = $crate::const_format::str_replace!(
            NAMED,
            "nickname = found.nickname",
            "lower(nickname::text) = lower(found.nickname::text)"
        );
        $crate::const_format::str_replace!(
            FOUND,
            "u.nickname = any ($2::citext[] || $3::citext[])",
            "lower(u.nickname::text) = any (array(
                 select lower(name::text) from unnest($2::citext[] || $3::citext[]) as name))"
        )
    }};
}

/// A statement for servers without the function `associated_object_id`. For [`dialect_sql!`].
#[doc(hidden)]
#[macro_export]
macro_rules! coalesce_sql {
    ($sql:expr) => {
        $crate::const_format::str_replace!(
            $sql,
            "public.associated_object_id(a.data)",
            "coalesce(a.data -> 'object' ->> 'id', a.data ->> 'object')"
        )
    };
}

/// A statement for servers whose columns have the opposite meaning. For [`dialect_sql!`].
#[doc(hidden)]
#[macro_export]
macro_rules! deactivated_sql {
    ($sql:expr) => {{
        const ACTIVE: &str =
            $crate::const_format::str_replace!($sql, "is_active", "deactivated is false");
        const CONFIRMED: &str = $crate::const_format::str_replace!(
            ACTIVE,
            "is_confirmed",
            "confirmation_pending is false"
        );
        $crate::const_format::str_replace!(CONFIRMED, "is_approved", "approval_pending is false")
    }};
}

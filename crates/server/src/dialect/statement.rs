//! Statements that are written once, for today's servers, and take the form of the others by
//! replacing names when the program is compiled. What differs in more than names has two files.

/// Gives a statement on `public.users` the form of a server: it names `is_active`, `is_confirmed`
/// and `is_approved`, where Pleroma up to 2.2 has columns with the opposite meaning.
///
/// A name is replaced by a condition, so it cannot be assigned to, nor select a column for an outer
/// query without `as`.
#[macro_export]
macro_rules! account_sql {
    ($server:expr, $sql:expr) => {{
        const TODAY: &str = $sql;
        const ACTIVE: &str =
            $crate::const_format::str_replace!(TODAY, "is_active", "deactivated is false");
        const CONFIRMED: &str = $crate::const_format::str_replace!(
            ACTIVE,
            "is_confirmed",
            "confirmation_pending is false"
        );
        const OPPOSITE: &str = $crate::const_format::str_replace!(
            CONFIRMED,
            "is_approved",
            "approval_pending is false"
        );
        match $server.dialect.account_columns {
            $crate::AccountColumns::Active => TODAY,
            $crate::AccountColumns::Deactivated => OPPOSITE,
        }
    }};
}

/// Gives a statement that names `public.associated_object_id(a.data)` the form of a server: the
/// expression for an activity's object must be literally that of the server's index, or PostgreSQL
/// reads the whole table.
#[macro_export]
macro_rules! object_sql {
    ($server:expr, $sql:expr) => {{
        const FUNCTION: &str = $sql;
        const COALESCE: &str = $crate::const_format::str_replace!(
            FUNCTION,
            "public.associated_object_id(a.data)",
            "coalesce(a.data -> 'object' ->> 'id', a.data ->> 'object')"
        );
        match $server.dialect.associated_object {
            $crate::AssociatedObject::Function => FUNCTION,
            $crate::AssociatedObject::Coalesce => COALESCE,
        }
    }};
}

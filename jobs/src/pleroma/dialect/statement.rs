//! Statements that are written once, for today's servers, and take the form of the others by
//! replacing names when the program is compiled. What differs in more than names has two files.

/// Gives a statement on `public.users` the form of a server: it names `is_active`, `is_confirmed`
/// and `is_approved`, where Pleroma up to 2.2 has columns with the opposite meaning.
///
/// A name is replaced by a condition, so it cannot be assigned to, nor select a column for an outer
/// query without `as`.
macro_rules! account_sql {
    ($server:expr, $sql:expr) => {{
        const TODAY: &str = $sql;
        const ACTIVE: &str = const_format::str_replace!(TODAY, "is_active", "deactivated is false");
        const CONFIRMED: &str =
            const_format::str_replace!(ACTIVE, "is_confirmed", "confirmation_pending is false");
        const OPPOSITE: &str =
            const_format::str_replace!(CONFIRMED, "is_approved", "approval_pending is false");
        match $server.dialect.account_columns {
            $crate::pleroma::AccountColumns::Active => TODAY,
            $crate::pleroma::AccountColumns::Deactivated => OPPOSITE,
        }
    }};
}
pub(crate) use account_sql;

/// Gives a statement that names `public.associated_object_id(a.data)` the form of a server: the
/// expression for an activity's object must be literally that of the server's index, or PostgreSQL
/// reads the whole table.
macro_rules! object_sql {
    ($server:expr, $sql:expr) => {{
        const FUNCTION: &str = $sql;
        const COALESCE: &str = const_format::str_replace!(
            FUNCTION,
            "public.associated_object_id(a.data)",
            "coalesce(a.data -> 'object' ->> 'id', a.data ->> 'object')"
        );
        match $server.dialect.associated_object {
            $crate::pleroma::AssociatedObject::Function => FUNCTION,
            $crate::pleroma::AssociatedObject::Coalesce => COALESCE,
        }
    }};
}
pub(crate) use object_sql;

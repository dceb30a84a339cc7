//! Statements that select the accounts in question, in the form of each server.

use ostrakon_server::AccountColumns;

/// Statements for one direction and one kind of server.
pub(super) struct Statements {
    /// Counts the accounts that a run writes. `$1`: up to this account.
    pub(super) count: &'static str,
    /// Lists the accounts that a run writes, in order, each with the page of its row if those of a
    /// page should be spread over batches. `$1`: after this account, `$2`: up to this one, `$3`:
    /// maximum number.
    pub(super) find: &'static str,
    /// Lists the accounts that [`count_left`](Self::count_left) counts, in the same way.
    pub(super) find_left: &'static str,
    /// Writes accounts that still qualify; returns their nicknames, whether their profile has no
    /// fields, and whether they were confirmed before. `$1`: accounts, `$2`: their new tokens, if
    /// they get any.
    pub(super) write: &'static str,
    /// Counts accounts in a state in which a finished run cannot have left them. `$1`: up to this
    /// account.
    pub(super) count_left: &'static str,
}

/// Whether any local account has profile fields, which keep the server from reloading it.
pub(super) const SOMEBODY_WITH_FIELDS: &str =
    "select exists (select from public.users where local and raw_fields <> '[]')";

/// Condition for the accounts that the original deals with; `$active`: whether `u` is active.
/// Matches `internal.` in any case; LIKE would take longer than everything else together.
macro_rules! meant {
    ($active:literal) => {
        concat!(
            "u.local and ",
            $active,
            " and not u.is_admin and not u.is_moderator and not u.invisible
             and u.nickname is not null and lower(left(u.nickname::text, 9)) <> 'internal.'"
        )
    };
}

/// Builds the statements. `$active`, `$confirmed`: whether `u` is; `$page`: page of `u`, if that
/// matters; `$written`: which of the accounts in question are written; `$set`: what is written,
/// `new.token` being a new token; `$left`: state that cannot be left.
macro_rules! statements {
    (
        $active:literal, $confirmed:literal, $page:expr, $written:literal, $set:literal,
        $left:literal
    ) => {
        Statements {
            count: concat!(
                "select count(*) from public.users u where u.id <= $1 and ",
                meant!($active),
                " and ",
                $written
            ),
            // A single condition that no index has, so the planner uses the primary key, in its
            // order.
            find: concat!(
                "select u.id, ",
                $page,
                "
                 from public.users u where u.id > $1 and u.id <= $2 and (",
                $written,
                " and ",
                meant!($active),
                ") is true order by u.id limit $3"
            ),
            find_left: concat!(
                "select u.id, ",
                $page,
                "
                 from public.users u where u.id > $1 and u.id <= $2 and (",
                $left,
                " and ",
                meant!($active),
                ") is true order by u.id limit $3"
            ),
            write: concat!(
                "with picked as (
                     select u.id, ",
                $confirmed,
                " as confirmed
                     from public.users u
                     where u.id = any ($1) and ",
                meant!($active),
                " and ",
                $written,
                "
                     order by u.id for no key update
                 )
                 update public.users u
                 set ",
                $set,
                ", updated_at = date_trunc('second', timezone('UTC', now()))
                 from picked join unnest($1::uuid[], $2::text[]) as new (id, token) using (id)
                 where u.id = picked.id
                 returning u.id, u.nickname::text, u.raw_fields = '[]' as fieldless, picked.confirmed"
            ),
            count_left: concat!(
                "select count(*) from public.users u where u.id <= $1 and ",
                meant!($active),
                " and ",
                $left
            ),
        }
    };
}

/// Number of the page on which a row lies.
macro_rules! page {
    () => {
        "(u.ctid::text::point)[0]::bigint"
    };
}

/// Confirmed accounts have no token; one that still has a token loses it.
const CONFIRM: Statements = statements!(
    "u.is_active",
    "u.is_confirmed",
    page!(),
    "(not u.is_confirmed or u.confirmation_token is not null)",
    "is_confirmed = true, confirmation_token = null",
    "not u.is_confirmed"
);

/// Every account in question gets a fresh token. An account that uses it immediately is confirmed
/// again. Nothing shows whether an account already got its token, so the run never returns to a
/// page.
const UNCONFIRM: Statements = statements!(
    "u.is_active",
    "u.is_confirmed",
    "null::bigint",
    "true",
    "is_confirmed = false, confirmation_token = new.token",
    "not u.is_confirmed and u.confirmation_token is null"
);

const CONFIRM_PLEROMA22: Statements = statements!(
    "not u.deactivated",
    "not u.confirmation_pending",
    page!(),
    "(u.confirmation_pending or u.confirmation_token is not null)",
    "confirmation_pending = false, confirmation_token = null",
    "u.confirmation_pending"
);

const UNCONFIRM_PLEROMA22: Statements = statements!(
    "not u.deactivated",
    "not u.confirmation_pending",
    "null::bigint",
    "true",
    "confirmation_pending = true, confirmation_token = new.token",
    "u.confirmation_pending and u.confirmation_token is null"
);

impl Statements {
    /// Selects the statements by the columns and direction.
    pub(super) const fn of(columns: AccountColumns, confirmed: bool) -> &'static Self {
        match (columns, confirmed) {
            (AccountColumns::Active, true) => &CONFIRM,
            (AccountColumns::Active, false) => &UNCONFIRM,
            (AccountColumns::Deactivated, true) => &CONFIRM_PLEROMA22,
            (AccountColumns::Deactivated, false) => &UNCONFIRM_PLEROMA22,
        }
    }
}

//! The statements that know which accounts are meant, in the form of each flavour.

use crate::pleroma::Flavour;

/// The statements for one direction and one flavour.
pub(super) struct Statements {
    /// `$1`: up to this account. Counts the accounts that a run writes.
    pub(super) count: &'static str,
    /// `$1`: after this account, `$2`: up to this one, `$3`: at most so many. The accounts that a run writes, in order, each
    /// with the page on which it lies, if those of a page are to be spread over batches.
    pub(super) find: &'static str,
    /// The same for those that [`count_left`](Self::count_left) counts.
    pub(super) find_left: &'static str,
    /// `$1`: accounts, `$2`: their new tokens, if they get any. Writes those that are still meant;
    /// tells their nickname, whether their profile has no fields, and whether they were confirmed before.
    pub(super) write: &'static str,
    /// `$1`: up to this account. Counts accounts that a finished run cannot have left so.
    pub(super) count_left: &'static str,
}

/// The newest account.
pub(super) const NEWEST: &str = "select id from public.users order by id desc limit 1";

/// Whether any profile of a local account has fields, so that the server cannot be had to read it anew.
pub(super) const SOMEBODY_WITH_FIELDS: &str =
    "select exists (select from public.users where local and raw_fields <> '[]')";

/// Whom the original means; `$active`: whether `u` is active. `internal.` in whatever case; LIKE takes
/// longer than all the rest together.
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

/// `$active`, `$confirmed`: whether `u` is; `$page`: where `u` lies, if that matters; `$written`: which
/// of those who are meant are written; `$set`: what is written, `new.token` being a new token; `$left`:
/// what cannot be left.
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
            // One condition in all, which no index has: so the planner takes the primary key, in its
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

/// The number of the page on which a row lies.
macro_rules! page {
    () => {
        "(u.ctid::text::point)[0]::bigint"
    };
}

/// A confirmed account has no token; one that still has loses it.
const CONFIRM: Statements = statements!(
    "u.is_active",
    "u.is_confirmed",
    page!(),
    "(not u.is_confirmed or u.confirmation_token is not null)",
    "is_confirmed = true, confirmation_token = null",
    "not u.is_confirmed"
);

/// Everybody who is meant gets a fresh token. Whoever uses it at once is confirmed again. Nothing tells
/// whether somebody has got his already, so no page is come back to.
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
    /// Chooses by flavour and direction.
    pub(super) const fn of(flavour: Flavour, confirmed: bool) -> &'static Self {
        match (flavour, confirmed) {
            (Flavour::Pleroma | Flavour::Akkoma, true) => &CONFIRM,
            (Flavour::Pleroma | Flavour::Akkoma, false) => &UNCONFIRM,
            (Flavour::Pleroma22, true) => &CONFIRM_PLEROMA22,
            (Flavour::Pleroma22, false) => &UNCONFIRM_PLEROMA22,
        }
    }
}

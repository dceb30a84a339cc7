//! The statements that know which accounts are meant, in the form of each flavour.

use crate::pleroma::Flavour;

/// The statements for one direction and one flavour.
pub(super) struct Statements {
    /// `$1`: up to this account. Counts the accounts that a run writes.
    pub(super) count: &'static str,
    /// `$1`: after this account, `$2`: up to this one, `$3`: walk over at most so many accounts of
    /// all kinds, `$4`: find at most so many that a run writes.
    pub(super) find: &'static str,
    /// `$1`: after this account, `$2`: up to this one, `$3`: in this pass, `$4`: find at most so
    /// many that a run writes.
    pub(super) find_in_pass: &'static str,
    /// `$1`: accounts, `$2`: their new tokens, if they get any. Writes those that are still meant;
    /// tells their nickname, and whether they were confirmed before.
    pub(super) write: &'static str,
    /// `$1`: up to this account. Counts accounts that a finished run cannot have left so.
    pub(super) count_left: &'static str,
}

/// `$1`, `$2`, `$3`: as in [`Statements::find`]. The last account of a stretch.
pub(super) const LAST_OF_STRETCH: &str = "select id
     from (select id from public.users where id > $1 and id <= $2 order by id limit $3) u
     order by id desc limit 1";

/// The newest account.
pub(super) const NEWEST: &str = "select id from public.users order by id desc limit 1";

/// Whom the original means; `$active`: whether `u` is active.
macro_rules! meant {
    ($active:literal) => {
        concat!(
            "u.local and ",
            $active,
            " and not u.is_admin and not u.is_moderator and not u.invisible
             and u.nickname is not null and u.nickname not like 'internal.%'"
        )
    };
}

/// `$columns`: what the others ask of `u` by the flavour's names (not every column: kenoma's role
/// may not read them all); `$confirmed`: whether `u` is confirmed; `$written`: which of those who are meant are written;
/// `$set`: what is written, `new.token` being a new token; `$left`: what cannot be left.
macro_rules! statements {
    (
        $columns:literal, $active:literal, $confirmed:literal, $written:literal, $set:literal,
        $left:literal
    ) => {
        Statements {
            count: concat!(
                "select count(*) from public.users u where u.id <= $1 and ",
                meant!($active),
                " and ",
                $written
            ),
            find: concat!(
                "select u.id
                 from (select id, local, nickname, is_admin, is_moderator, invisible,
                              confirmation_token, ",
                $columns,
                "
                       from public.users where id > $1 and id <= $2 order by id limit $3) u
                 where ",
                meant!($active),
                " and ",
                $written,
                " order by u.id limit $4"
            ),
            // The inner query stands for itself (`offset 0`): else the planner may choose another
            // index, and sort.
            find_in_pass: concat!(
                "select u.id
                 from (select id, local, nickname, is_admin, is_moderator, invisible,
                              confirmation_token, ",
                $columns,
                "
                       from public.users
                       where id > $1 and id <= $2 and (uuid_hash(id) & 7) = $3
                       order by id offset 0) u
                 where ",
                meant!($active),
                " and ",
                $written,
                " order by u.id limit $4"
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
                 returning u.id, u.nickname::text, picked.confirmed"
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

/// A confirmed account has no token; one that still has loses it.
const CONFIRM: Statements = statements!(
    "is_active, is_confirmed",
    "u.is_active",
    "u.is_confirmed",
    "(not u.is_confirmed or u.confirmation_token is not null)",
    "is_confirmed = true, confirmation_token = null",
    "not u.is_confirmed"
);

/// Everybody who is meant gets a fresh token. Whoever uses it at once is confirmed again.
const UNCONFIRM: Statements = statements!(
    "is_active, is_confirmed",
    "u.is_active",
    "u.is_confirmed",
    "true",
    "is_confirmed = false, confirmation_token = new.token",
    "not u.is_confirmed and u.confirmation_token is null"
);

const CONFIRM_PLEROMA22: Statements = statements!(
    "deactivated, confirmation_pending",
    "not u.deactivated",
    "not u.confirmation_pending",
    "(u.confirmation_pending or u.confirmation_token is not null)",
    "confirmation_pending = false, confirmation_token = null",
    "u.confirmation_pending"
);

const UNCONFIRM_PLEROMA22: Statements = statements!(
    "deactivated, confirmation_pending",
    "not u.deactivated",
    "not u.confirmation_pending",
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

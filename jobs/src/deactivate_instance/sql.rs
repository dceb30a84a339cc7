//! The statements, in the form of each flavour.
//!
//! An account is of the host behind the last `@` of its nickname, and nothing of that is a pattern.
//! Accounts of this server have no `@` in theirs. There is no index on the host: one pass over all
//! nicknames finds the accounts, and everything after it goes by their ids.

use super::scattered::scattered;
use crate::pleroma::Flavour;

/// The statements in a flavour's form.
pub(super) struct Statements {
    /// `$1`: host, `$2`: the same in Unicode. Its accounts and those of its sub-domains, in order:
    /// whether each is active, and whether it is of a sub-domain.
    pub(super) named: &'static str,
    /// `$1`, `$2`: host; `$3`: its sub-domains as well. Counts active accounts.
    pub(super) count_active: &'static str,
    /// `$1`: accounts, `$2`: those of them with few followers. Locks them and local followers of the
    /// latter, in the order of ids.
    pub(super) lock: &'static str,
    /// `$1`: accounts. Switches them off; tells which were active, with their nicknames.
    pub(super) switch_off: &'static str,
    /// `$1`: accounts just switched off. Takes them from the counters of their local followers; tells
    /// which these are.
    pub(super) lower_following: &'static str,
    /// `$1`: instance; `$2`: accounts, `$3`: whether the run has switched each off; `$4`: whether the
    /// server has been asked to read them anew, `$5`: whether their relations have ended, as far as
    /// that is the run's business. Notes those with relations that are yet to be dealt with; tells
    /// which of these the server is yet to be asked to read anew.
    pub(super) note: &'static str,
    /// `$1`: accounts. Counts their relations to active local accounts, and the active ones of the
    /// accounts that have any.
    pub(super) count_relations: &'static str,
    /// `$1`: accounts. Counts relations of local accounts to them.
    pub(super) count_followed: &'static str,
    /// `$1`: instance; `$2`, `$3`: behind this local account and relation; `$4`: at most so many. The
    /// relations of noted accounts to active local ones, in the order of these.
    pub(super) relations: &'static str,
    /// `$1`: accounts. The same of these accounts.
    pub(super) relations_of: &'static str,
    /// `$1`: relations. Ends those of inactive accounts; tells whom they followed.
    pub(super) unfollow: &'static str,
    /// `$1`: accounts, `$2`: how many followers each has lost. Takes these from their counters.
    pub(super) lower_followers: &'static str,
    /// `$1`: instance; `$2`: behind this local account; `$3`: at most so many. Those that follow
    /// noted accounts, in order, each with the number of relations.
    pub(super) followers: &'static str,
    /// `$1`: instance; `$2`: behind this account; `$3`: at most so many. The noted accounts that the
    /// server is to be asked to read anew, in order, and whether each is still switched off.
    pub(super) due: &'static str,
}

/// `$1`, `$2`: host; `$3`: its sub-domains as well. Whether any account of it is known.
pub(super) const KNOWN: &str = "select exists (
         select from public.users
         where lower(right(nickname::text, length($1) + 1)) = '@' || $1
            or lower(right(nickname::text, length($2) + 1)) = '@' || $2
            or $3 and position('@' in nickname::text) > 0
               and (lower(right(nickname::text, length($1) + 1)) = '.' || $1
                    or lower(right(nickname::text, length($2) + 1)) = '.' || $2))";

/// `$1`: accounts, `$2`: so many. Those that have no more followers than that.
pub(super) const FEW_FOLLOWERS: &str = "select a.id
     from unnest($1::uuid[]) as a (id)
     where (select count(*)
            from (select from public.following_relationships
                  where following_id = a.id limit $2 + 1) r) <= $2";

/// `$1`: accounts. How many follow each, as its counter says.
pub(super) const FOLLOWER_COUNTS: &str =
    "select id, follower_count from public.users where id = any ($1)";

/// Whether notes can be read: there may be no ledger yet, or one of an older version.
pub(super) const NOTES_EXIST: &str = "select to_regclass('ostrakon.instance_accounts') is not null";

/// `$1`: instance. What an earlier run of the same has not come to its end with.
pub(super) const NOTED: &str = "select account, refresh_due from ostrakon.instance_accounts where instance = $1 order by account";

/// The instances with notes.
pub(super) const NOTED_INSTANCES: &str = "select distinct instance from ostrakon.instance_accounts";

/// `$1`: instance, `$2`: accounts. The server has been asked to read them anew. They are looked up one
/// by one: before the table is analyzed PostgreSQL takes an instance to have few, and reads all of
/// them for each batch.
pub(super) const NOT_DUE: &str = "update ostrakon.instance_accounts set refresh_due = false
     where ctid = any (array(
         select noted.ctid from unnest($2::uuid[]) as given (account),
                lateral (select ctid from ostrakon.instance_accounts
                         where instance = $1 and account = given.account offset 0) noted))";

/// `$1`: instance. Nothing is left to be done.
pub(super) const FORGET: &str = "delete from ostrakon.instance_accounts where instance = $1";

macro_rules! now {
    () => {
        "date_trunc('second', timezone('UTC', now()))"
    };
}

/// Whether a nickname ends with `$1` or `$2` behind an `@`, or behind a dot: both are as long, so
/// that one look at its end is enough.
macro_rules! at_or_below {
    () => {
        "(lower(right(nickname::text, length($1) + 1)) in ('@' || $1, '.' || $1)
          or ($2 <> $1
              and lower(right(nickname::text, length($2) + 1)) in ('@' || $2, '.' || $2)))"
    };
}

/// Whether `u` is a local account that others can follow.
macro_rules! local {
    () => {
        "u.local and u.nickname is not null and u.nickname not like 'internal.%'"
    };
}

/// `offset 0`: accounts and relations are looked up by their ids, and by nothing else. PostgreSQL does
/// not know yet how many the run has switched off or noted, and would go through all of them.
///
/// `$column`: what the others ask of `u` (not every column: ostrakon's role may not read them all);
/// `$active`: whether `u` is active; `$counted`: whether the counter of a local follower `f` is kept
/// up; `$off`: how `u` is switched off.
macro_rules! statements {
    ($column:literal, $active:literal, $counted:literal, $off:literal) => {
        Statements {
            // Nicknames alone are in an index, which is a small part of the table.
            named: concat!(
                "with named as materialized (
                     select nickname from public.users where ",
                at_or_below!(),
                "
                 )
                 select u.id, ",
                $active,
                " as active, not (lower(right(u.nickname::text, length($1) + 1)) = '@' || $1
                      or lower(right(u.nickname::text, length($2) + 1)) = '@' || $2) as below
                 from named, lateral (select id, nickname, ",
                $column,
                "    from public.users where nickname = named.nickname offset 0) u
                 where position('@' in u.nickname::text) > 0
                 order by u.id"
            ),
            // By other means than those by which they were found.
            count_active: concat!(
                "with named as materialized (
                     select nickname, reverse(lower(nickname::text)) as behind from public.users
                 )
                 select count(*)
                 from (select nickname from named
                       where starts_with(behind, reverse('@' || $1))
                          or starts_with(behind, reverse('@' || $2))
                          or $3 and position('@' in behind) > 0
                             and (starts_with(behind, reverse('.' || $1))
                                  or starts_with(behind, reverse('.' || $2)))
                      ) found,
                      lateral (select ",
                $column,
                "    from public.users where nickname = found.nickname offset 0) u
                 where ",
                $active
            ),
            // Not `= any ($1) or in (...)`, for which PostgreSQL goes through all accounts.
            lock: "select u.id from public.users u
                 where u.id = any (array(
                     select unnest($1::uuid[])
                     union
                     select r.follower_id
                     from public.following_relationships r,
                          lateral (select local from public.users
                                   where id = r.follower_id offset 0) f
                     where r.following_id = any ($2) and r.state = 2 and f.local))
                 order by u.id for no key update",
            switch_off: concat!(
                "update public.users u set ",
                $off,
                ", updated_at = ",
                now!(),
                "
                 where u.id = any ($1) and ",
                $active,
                " returning u.id, u.nickname::text as nickname"
            ),
            lower_following: concat!(
                "with lost as (
                     select r.follower_id as id, count(*) as accounts
                     from public.following_relationships r,
                          lateral (select local, ",
                $column,
                "         from public.users where id = r.follower_id offset 0) f
                     where r.following_id = any ($1) and r.state = 2 and f.local and ",
                $counted,
                "
                     group by r.follower_id
                 )
                 update public.users u
                 set following_count = greatest(0, u.following_count - lost.accounts),
                     updated_at = ",
                now!(),
                "
                 from lost where u.id = lost.id and u.following_count > 0
                 returning u.id"
            ),
            note: concat!(
                "insert into ostrakon.instance_accounts as noted (instance, account, refresh_due)
                 select $1, a.id, a.switched and related.follows and not $4
                 from unnest($2::uuid[], $3::bool[]) as a (id, switched),
                      lateral (select exists (
                          select from public.following_relationships r,
                               lateral (select local, nickname, ",
                $column,
                "             from public.users where id = r.following_id offset 0) u
                          where r.follower_id = a.id and r.state = 2 and ",
                local!(),
                " and ",
                $active,
                ") as follows, exists (
                          select from public.following_relationships r,
                               lateral (select local, ",
                $column,
                "             from public.users where id = r.follower_id offset 0) f
                          where r.following_id = a.id and r.state = 2 and f.local and ",
                $counted,
                ") as followed) related
                 where (related.follows or related.followed and a.switched)
                   and not ($5 and related.follows)
                 on conflict (instance, account) do update
                 set refresh_due = noted.refresh_due or excluded.refresh_due
                 returning account, refresh_due"
            ),
            count_relations: concat!(
                "select count(*), count(distinct s.id) filter (where s.active)
                 from public.following_relationships r,
                      lateral (select local, nickname, ",
                $column,
                "     from public.users where id = r.following_id offset 0) u,
                      lateral (select id, ",
                $active,
                " as active from public.users u where id = r.follower_id offset 0) s
                 where r.follower_id = any ($1) and r.state = 2 and ",
                local!(),
                " and ",
                $active
            ),
            count_followed: concat!(
                "select count(*)
                 from public.following_relationships r,
                      lateral (select local, ",
                $column,
                "     from public.users where id = r.follower_id offset 0) f
                 where r.following_id = any ($1) and r.state = 2 and f.local and ",
                $counted
            ),
            relations: concat!(
                "select r.following_id, r.id
                 from ostrakon.instance_accounts noted,
                      lateral (select id, following_id from public.following_relationships
                               where follower_id = noted.account and state = 2 offset 0) r,
                      lateral (select local, nickname, ",
                $column,
                "     from public.users where id = r.following_id offset 0) u
                 where noted.instance = $1
                   and (",
                scattered!("r.following_id"),
                ", r.id) > (",
                scattered!("$2::uuid"),
                ", $3) and ",
                local!(),
                " and ",
                $active,
                " order by ",
                scattered!("r.following_id"),
                ", r.id limit $4"
            ),
            relations_of: concat!(
                "select r.id
                 from unnest($1::uuid[]) as a (id),
                      lateral (select id, following_id from public.following_relationships
                               where follower_id = a.id and state = 2 offset 0) r,
                      lateral (select local, nickname, ",
                $column,
                "     from public.users where id = r.following_id offset 0) u
                 where ",
                local!(),
                " and ",
                $active
            ),
            unfollow: concat!(
                "delete from public.following_relationships r
                 where r.id = any ($1) and r.state = 2
                   and exists (select from (select ",
                $column,
                "                           from public.users where id = r.follower_id offset 0) u
                               where not (",
                $active,
                "))
                 returning r.following_id"
            ),
            lower_followers: concat!(
                "update public.users u
                 set follower_count = greatest(0, u.follower_count - lost.accounts), updated_at = ",
                now!(),
                "
                 from unnest($1::uuid[], $2::bigint[]) as lost (id, accounts)
                 where u.id = lost.id and u.local and u.follower_count > 0
                 returning u.id"
            ),
            followers: concat!(
                "select r.follower_id, count(*)
                 from ostrakon.instance_accounts noted,
                      lateral (select follower_id from public.following_relationships
                               where following_id = noted.account and state = 2 offset 0) r,
                      lateral (select local, ",
                $column,
                "     from public.users where id = r.follower_id offset 0) f
                 where noted.instance = $1 and ",
                scattered!("r.follower_id"),
                " > ",
                scattered!("$2::uuid"),
                " and f.local and ",
                $counted,
                " group by 1 order by ",
                scattered!("r.follower_id"),
                " limit $3"
            ),
            due: concat!(
                "select noted.account, coalesce(not (",
                $active,
                "), false)
                 from (select account from ostrakon.instance_accounts
                       where instance = $1 and refresh_due and account > $2
                       order by account limit $3) noted
                 left join lateral (select ",
                $column,
                "     from public.users where id = noted.account offset 0) u on true
                 order by 1"
            ),
        }
    };
}

/// An account that is inactive already is passed over.
const CURRENT: Statements = statements!("is_active", "u.is_active", "true", "is_active = false");

/// Pleroma 2.2 repeats what a deactivation does, and keeps up the counters of active accounts only.
const PLEROMA22: Statements =
    statements!("deactivated", "not u.deactivated", "not f.deactivated", "deactivated = true");

impl Statements {
    /// Chooses by flavour.
    pub(super) const fn of(flavour: Flavour) -> &'static Self {
        match flavour {
            Flavour::Pleroma | Flavour::Akkoma => &CURRENT,
            Flavour::Pleroma22 => &PLEROMA22,
        }
    }
}

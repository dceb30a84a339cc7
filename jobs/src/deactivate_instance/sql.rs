//! The statements that know which accounts are of a host.
//!
//! An account is of the host behind the `@` of its nickname, and nothing of that is a pattern.
//! Accounts of this server have no `@` in theirs.

use crate::pleroma::Flavour;

/// The statements in a flavour's form.
pub(super) struct Statements {
    /// `$1`–`$3`: host; `$4`: up to this account. Accounts that the run acts on, and whether each
    /// is active.
    pub(super) accounts: &'static str,
    /// `$1`–`$3`: host. Accounts that were inactive before the run, and still follow active local
    /// accounts: their relations are none of the run's business.
    pub(super) spared: &'static str,
    /// `$1`–`$3`: host; `$4`: after this account, `$5`: at most so many of all hosts, `$6`: at most
    /// so many that the run switches off. Walks over accounts, and tells these; and, when they are
    /// fewer, behind them the last account of all that it walked over.
    pub(super) walk: &'static str,
    /// `$1`: accounts. Locks them and their local followers, in the order of ids.
    pub(super) lock: &'static str,
    /// `$1`: accounts. Switches them off; tells which were active, with their nicknames.
    pub(super) switch_off: &'static str,
    /// `$1`: accounts just switched off. Takes them from the counters of their local followers; tells
    /// which these are.
    pub(super) lower_following: &'static str,
    /// `$1`: after this account, `$2`: at most so many of all hosts, `$4`: at most so many that are
    /// local and, for `$3`, active. Walks over accounts, and tells these; and, when they are fewer,
    /// behind them the last account of all that it walked over.
    pub(super) walk_locals: &'static str,
    /// `$1`–`$3`: host; `$4`: local accounts, `$5`: spared ones, `$6`: at most so many. Ends the
    /// relations of the host's inactive accounts to the local ones, to one after the other, as each
    /// that loses some is counted anew; tells whom they followed.
    pub(super) unfollow: &'static str,
    /// `$1`–`$3`: host; `$4`: local accounts. Tells which of them follow the host's accounts.
    pub(super) followers: &'static str,
}

/// The condition on `u.nickname` by `$1` (host), `$2` (the same in Unicode) and `$3` (`.host` or
/// null).
macro_rules! of_host {
    () => {
        "(lower(substring(u.nickname::text from '@([^@]+)$')) in ($1, $2)
          or ($3::text is not null
              and right(lower(substring(u.nickname::text from '@([^@]+)$')), length($3)) = $3))"
    };
}

macro_rules! now {
    () => {
        "date_trunc('second', timezone('UTC', now()))"
    };
}

/// `offset 0`: accounts are looked up by their ids, and by nothing else. PostgreSQL does not know yet
/// how many the run has switched off, and would go through all of them each time.
///
/// `$column`: what the others ask of `u` (not every column: kenoma's role may not read them all);
/// `$active`: whether `u` is active; `$acted_on`: whether the run acts on `u`; `$counted`: whether
/// the counter of a local follower `f` is kept up; `$off`: how `u` is switched off.
macro_rules! statements {
    ($column:literal, $active:literal, $acted_on:literal, $counted:literal, $off:literal) => {
        Statements {
            accounts: concat!(
                "select u.id, ",
                $active,
                " from public.users u
                 where ",
                $acted_on,
                " and u.id <= $4 and ",
                of_host!()
            ),
            spared: concat!(
                "select u.id from public.users u
                 where not (",
                $acted_on,
                ") and ",
                of_host!(),
                "
                   and exists (select from public.following_relationships r
                               where r.follower_id = u.id and r.state = 2)"
            ),
            walk: concat!(
                "with found as (
                     select u.id
                     from (select id, nickname, ",
                $column,
                " from public.users where id > $4 order by id limit $5) u
                     where ",
                $acted_on,
                " and ",
                of_host!(),
                "
                     order by u.id limit $6
                 )
                 select id, true from found
                 union all
                 (select id, false
                  from (select id from public.users where id > $4 order by id limit $5) walked
                  where (select count(*) from found) < $6
                  order by id desc limit 1)
                 order by 2 desc, 1"
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
                     where r.following_id = any ($1) and r.state = 2 and f.local))
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
            walk_locals: concat!(
                "with found as (
                     select u.id
                     from (select id, nickname, local, ",
                $column,
                " from public.users where id > $1 order by id limit $2) u
                     where u.local and u.nickname is not null
                       and u.nickname not like 'internal.%' and (not $3 or ",
                $active,
                ")
                     order by u.id limit $4
                 )
                 select id, true from found
                 union all
                 (select id, false
                  from (select id from public.users where id > $1 order by id limit $2) walked
                  where (select count(*) from found) < $4
                  order by id desc limit 1)
                 order by 2 desc, 1"
            ),
            unfollow: concat!(
                "delete from public.following_relationships r
                 where r.id = any (array(
                     select r.id
                     from unnest($4::uuid[]) as followed (id),
                          lateral (select id, follower_id from public.following_relationships
                                   where following_id = followed.id and state = 2 offset 0) r
                     where r.follower_id <> all ($5)
                       and exists (
                           select from (select nickname, ",
                $column,
                "           from public.users where id = r.follower_id offset 0) u
                           where not (",
                $active,
                ") and ",
                of_host!(),
                ")
                     limit $6))
                 returning r.following_id"
            ),
            followers: concat!(
                "select f.id from public.users f
                 where f.id = any ($4) and ",
                $counted,
                " and exists (
                     select from public.following_relationships r,
                                 lateral (select nickname from public.users
                                          where id = r.following_id offset 0) u
                     where r.follower_id = f.id and r.state = 2 and ",
                of_host!(),
                ")"
            ),
        }
    };
}

/// An account that is inactive already is passed over.
const CURRENT: Statements =
    statements!("is_active", "u.is_active", "u.is_active", "true", "is_active = false");

/// Pleroma 2.2 repeats what a deactivation does, and keeps up the counters of active accounts only.
const PLEROMA22: Statements = statements!(
    "deactivated",
    "not u.deactivated",
    "true",
    "not f.deactivated",
    "deactivated = true"
);

impl Statements {
    /// Chooses by flavour.
    pub(super) const fn of(flavour: Flavour) -> &'static Self {
        match flavour {
            Flavour::Pleroma | Flavour::Akkoma => &CURRENT,
            Flavour::Pleroma22 => &PLEROMA22,
        }
    }
}

/// `$1`: `.host`. Accounts of sub-domains.
pub(super) const COUNT_BELOW: &str = "select count(*) from public.users
     where right(lower(substring(nickname::text from '@([^@]+)$')), length($1)) = $1";

//! Statements of the job, in the form of each server.
//!
//! An account's host is what follows the last `@` of its nickname, and no part of that is a
//! pattern. Nicknames of local accounts contain no `@`. There is no index on the host: one pass
//! over all nicknames finds the accounts, and everything after it looks them up by id.

use super::scattered::scattered;
use ostrakon_server::AccountColumns;

/// Statements in the form of a server.
pub(super) struct Statements {
    /// Finds the accounts of a host and of its sub-domains, in order: whether each is active, and
    /// whether it is of a sub-domain. `$1`: host, `$2`: the same in Unicode.
    pub(super) named: &'static str,
    /// Counts active accounts. `$1`, `$2`: host; `$3`: whether to include sub-domains.
    pub(super) count_active: &'static str,
    /// Locks accounts, and the local followers of those with few followers, in the order of ids.
    /// `$1`: accounts, `$2`: those of them with few followers.
    pub(super) lock: &'static str,
    /// Deactivates accounts; returns which were active, with their nicknames. `$1`: accounts.
    pub(super) switch_off: &'static str,
    /// Subtracts accounts from the counters of their local followers; returns these followers.
    /// `$1`: accounts that were just deactivated.
    pub(super) lower_following: &'static str,
    /// Records accounts with relations that are yet to be dealt with; returns those that the server
    /// is yet to be asked to reload. `$1`: instance; `$2`: accounts, `$3`: whether the run has
    /// deactivated each; `$4`: whether the server has been asked to reload them, `$5`: whether
    /// their relations have ended, as far as the run deals with them.
    pub(super) note: &'static str,
    /// Counts the relations of accounts to active local accounts, and the active ones among the
    /// accounts that have any. `$1`: accounts.
    pub(super) count_relations: &'static str,
    /// Counts relations of local accounts to these accounts. `$1`: accounts.
    pub(super) count_followed: &'static str,
    /// Lists the relations of recorded accounts to active local ones, in the order of the latter.
    /// `$1`: instance; `$2`, `$3`: after this local account and relation; `$4`: maximum number.
    pub(super) relations: &'static str,
    /// Lists such relations of the given accounts. `$1`: accounts.
    pub(super) relations_of: &'static str,
    /// Ends relations of inactive accounts; returns the accounts that they followed. `$1`:
    /// relations.
    pub(super) unfollow: &'static str,
    /// Subtracts lost followers from counters. `$1`: accounts, `$2`: how many followers each has
    /// lost.
    pub(super) lower_followers: &'static str,
    /// Lists the local accounts that follow recorded accounts, in order, each with its number of
    /// relations. `$1`: instance; `$2`: after this local account; `$3`: maximum number.
    pub(super) followers: &'static str,
    /// Lists the recorded accounts that the server is yet to be asked to reload, in order, and
    /// whether each is still inactive. `$1`: instance; `$2`: after this account; `$3`: maximum
    /// number.
    pub(super) due: &'static str,
}

/// Whether any account of a host is known. `$1`, `$2`: host; `$3`: whether to include sub-domains.
pub(super) const KNOWN: &str = "select exists (
         select from public.users
         where lower(right(nickname::text, length($1) + 1)) = '@' || $1
            or lower(right(nickname::text, length($2) + 1)) = '@' || $2
            or $3 and position('@' in nickname::text) > 0
               and (lower(right(nickname::text, length($1) + 1)) = '.' || $1
                    or lower(right(nickname::text, length($2) + 1)) = '.' || $2))";

/// Accounts with no more than `$2` followers. `$1`: accounts, `$2`: number of followers.
pub(super) const FEW_FOLLOWERS: &str = "select a.id
     from unnest($1::uuid[]) as a (id)
     where (select count(*)
            from (select from public.following_relationships
                  where following_id = a.id limit $2 + 1) r) <= $2";

/// Number of followers of each account, by its counter. `$1`: accounts.
pub(super) const FOLLOWER_COUNTS: &str =
    "select id, follower_count from public.users where id = any ($1)";

/// Whether records of unfinished accounts can be read: there may be no ledger yet, or an older one.
pub(super) const NOTES_EXIST: &str = "select to_regclass('ostrakon.instance_accounts') is not null";

/// Accounts that an earlier run for the same instance did not finish. `$1`: instance.
pub(super) const NOTED: &str = "select account, refresh_due from ostrakon.instance_accounts where instance = $1 order by account";

/// Instances with records of unfinished accounts.
pub(super) const NOTED_INSTANCES: &str = "select distinct instance from ostrakon.instance_accounts";

/// Records that the server has been asked to reload accounts. `$1`: instance, `$2`: accounts. They
/// are looked up one by one: before the table is analyzed PostgreSQL assumes that an instance has
/// few, and would read all of them for each batch.
pub(super) const NOT_DUE: &str = "update ostrakon.instance_accounts set refresh_due = false
     where ctid = any (array(
         select noted.ctid from unnest($2::uuid[]) as given (account),
                lateral (select ctid from ostrakon.instance_accounts
                         where instance = $1 and account = given.account offset 0) noted))";

/// Deletes the records of an instance when nothing is left to do. `$1`: instance.
pub(super) const FORGET: &str = "delete from ostrakon.instance_accounts where instance = $1";

macro_rules! now {
    () => {
        "date_trunc('second', timezone('UTC', now()))"
    };
}

/// Whether a nickname ends with `$1` or `$2` after an `@` or a dot. Both suffixes have the same
/// length, so a single comparison of its end is enough.
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

/// Builds the statements of a server.
///
/// `offset 0`: look up accounts and relations by their ids only. PostgreSQL does not know yet how
/// many accounts the run has deactivated or recorded, and would read all of them.
///
/// `$column`: what the other arguments read of `u` (not every column: ostrakon's role may not read
/// them all); `$active`: whether `u` is active; `$counted`: whether the counter of a local follower
/// `f` is kept up to date; `$off`: how `u` is deactivated.
macro_rules! statements {
    ($column:literal, $active:literal, $counted:literal, $off:literal) => {
        Statements {
            // An index on nicknames exists, and is a small part of the table.
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
            // An independent condition, not the one by which the accounts were found.
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
            // Not `= any ($1) or in (...)`, for which PostgreSQL reads all accounts.
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

/// Pleroma and Akkoma: accounts that are already inactive are skipped.
const CURRENT: Statements = statements!("is_active", "u.is_active", "true", "is_active = false");

/// Pleroma 2.2: repeats the effects of a deactivation, and maintains the counters of active
/// accounts only.
const PLEROMA22: Statements =
    statements!("deactivated", "not u.deactivated", "not f.deactivated", "deactivated = true");

impl Statements {
    /// Selects the statements by the columns.
    pub(super) const fn of(columns: AccountColumns) -> &'static Self {
        match columns {
            AccountColumns::Active => &CURRENT,
            AccountColumns::Deactivated => &PLEROMA22,
        }
    }
}

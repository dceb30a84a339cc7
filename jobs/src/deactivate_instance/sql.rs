//! Statements of the job. The files in `sql/` explain the long ones.
//!
//! An account's host is what follows the last `@` of its nickname, and no part of that is a
//! pattern. Nicknames of local accounts contain no `@`. There is no index on the host: one pass
//! over all nicknames finds the accounts, and everything after it looks them up by id.
//!
//! `offset 0` in a statement: look up accounts and relations by their ids only. `PostgreSQL` does not
//! know yet how many accounts the run has deactivated or recorded, and would read all of them.

use ostrakon_server::{Server, dialect_sql, nickname_sql};

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

/// Deletes the records of an instance when nothing is left to do. `$1`: instance.
pub(super) const FORGET: &str = "delete from ostrakon.instance_accounts where instance = $1";

/// Defines a function for each statement in `sql/` that differs by server.
macro_rules! statements {
    ($sql:ident: $($name:ident),+ $(,)?) => {
        $(pub(super) fn $name(server: &Server) -> &'static str {
            $sql!(server, include_str!(concat!("sql/", stringify!($name), ".sql")))
        })+
    };
}

statements!(nickname_sql: named, count_active);

statements!(
    dialect_sql:
    count_relations,
    count_followed,
    lower_following,
    note,
    relations,
    relations_of,
    unfollow,
    followers,
    due,
    accounts_by_host,
    relations_of_list,
);

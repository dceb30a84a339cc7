//! The statements that know which accounts are of a host.
//!
//! An account is of the host behind the `@` of its nickname, and nothing of that is a pattern.
//! Accounts of this server have no `@` in theirs.

/// The condition on `u` by `$1` (host), `$2` (the same in Unicode) and `$3` (`.host` or null).
macro_rules! of_host {
    () => {
        "(u.host in ($1, $2) or ($3::text is not null and right(u.host, length($3)) = $3))"
    };
}

/// Accounts with their host, whether they are active, and whether the job acts on them.
macro_rules! accounts {
    ($active:literal, $acted_on:literal) => {
        concat!(
            "select id, ",
            $active,
            " as active, ",
            $acted_on,
            " as acted_on,
                lower(substring(nickname::text from '@([^@]+)$')) as host
         from public.users"
        )
    };
}

macro_rules! statements {
    ($accounts:ident, $walk:ident, $active:literal, $acted_on:literal) => {
        // $4: up to this account.
        pub(super) const $accounts: &str = concat!(
            "select u.id, u.active from (",
            accounts!($active, $acted_on),
            ") u where u.acted_on and u.id <= $4 and ",
            of_host!()
        );
        // $4: after this account, $5: at most so many of all hosts.
        pub(super) const $walk: &str = concat!(
            "select u.id, coalesce(u.acted_on and ",
            of_host!(),
            ", false) from (",
            accounts!($active, $acted_on),
            " where id > $4 order by id limit $5) u order by u.id"
        );
    };
}

// An account that is inactive already is passed over; Pleroma 2.2 repeats what a deactivation does.
statements!(ACCOUNTS, WALK, "is_active", "is_active");
statements!(ACCOUNTS_PLEROMA22, WALK_PLEROMA22, "not deactivated", "true");

/// $1: `.host`. Accounts of sub-domains.
pub(super) const COUNT_BELOW: &str = "select count(*) from public.users
     where right(lower(substring(nickname::text from '@([^@]+)$')), length($1)) = $1";

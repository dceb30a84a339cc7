//! README and `docs/servers.md` say of the dialects what they are.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use ostrakon_server::{
    AccountCache, Argon2Login, DIALECTS, Dialect, EmptiedColumns, LocalAddresses, LoweredReplies,
    PasswordScheme, Quarantine, RemovalJob, Unreachable,
};

fn page(name: &str) -> Result<String> {
    Ok(fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))?)
}

/// Checks that the page has a table with these columns, and a row for each dialect in their order.
fn ensure_table<const N: usize>(
    columns: [&str; N],
    cells: impl Fn(&Dialect) -> [String; N],
) -> Result<()> {
    let head = format!("| server | {} |", columns.join(" | "));
    let rule = format!("|---{}|", "|---".repeat(N));
    let row = |dialect: &Dialect| format!("| {} | {} |", dialect.title, cells(dialect).join(" | "));
    let rows = DIALECTS.iter().map(|dialect| row(dialect));
    let table: Vec<String> = [head, rule].into_iter().chain(rows).collect();
    let table = table.join("\n");
    let is_there = page("docs/servers.md")?.contains(&format!("\n\n{table}\n\n"));
    ensure!(is_there, "docs/servers.md does not have this table:\n{table}");
    Ok(())
}

#[test]
fn readme_names_the_servers() -> Result<()> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let titles: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.title).collect();
    let sentence = format!("ostrakon works on the databases of {}.", titles.join(", "));
    let readme = words(&page("README.md")?);
    ensure!(readme.contains(&sentence), "README.md does not say: {sentence}");
    Ok(())
}

/// What is known without a recording has a date.
#[test]
fn the_page_says_how_each_server_is_recognised_and_was_tested() -> Result<()> {
    let text = page("docs/servers.md")?;
    let table = text.lines().skip_while(|line| !line.starts_with("| server |")).skip(2);
    let rows: Vec<Vec<&str>> = table
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let named: Vec<&str> = rows.iter().filter_map(|row| row.first().copied()).collect();
    let titles: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.title).collect();
    ensure!(named == titles, "{named:?} instead of {titles:?}");
    for row in &rows {
        let [_, _, _, tested] = row.as_slice() else { bail!("{row:?}") };
        let is_recorded = tested.contains("original recorded");
        ensure!(is_recorded || tested.contains("elieved since 20"), "no date: {row:?}");
        let has_schema = tested.contains("migrated schema")
            || tested.contains("reconstructed schema")
            || tested.contains("schema reconstructed");
        ensure!(has_schema, "no schema: {row:?}");
    }
    Ok(())
}

#[test]
fn the_page_says_what_is_delivered() -> Result<()> {
    let columns = [
        "attempts for a delivery",
        "unreachable hosts get none",
        "quarantined hosts get",
        "accounts with `ap_enabled` false get",
    ];
    ensure_table(columns, |dialect| {
        let unreachable = match dialect.unreachable {
            Unreachable::AfterTimeout => "after 7 days",
            Unreachable::Immediately => "immediately",
        };
        let quarantined = match dialect.quarantine {
            Quarantine::PublicOnly => "public activities",
            Quarantine::Nothing => "nothing",
        };
        let not_enabled = match dialect.emptied_columns {
            EmptiedColumns::ApEnabled
            | EmptiedColumns::ApEnabledAndMastofeSettings
            | EmptiedColumns::ApEnabledAndKeys => "nothing",
            EmptiedColumns::None
            | EmptiedColumns::MastofeSettings
            | EmptiedColumns::AcceptsEmailList => "(no such column)",
        };
        let attempts = dialect.delivery_attempts.to_string();
        [attempts, unreachable.to_owned(), quarantined.to_owned(), not_enabled.to_owned()]
    })
}

#[test]
fn the_page_says_what_a_deletion_does() -> Result<()> {
    // Of each table and column, which dialects have it; with a question mark, only some releases.
    let objects = page("crates/server/src/dialect/shape/objects.tsv")?;
    let counting = objects
        .lines()
        .find_map(|line| line.split_once("\tcolumn counter_cache.public "))
        .map(|(dialects, _)| dialects)
        .context("no counter_cache")?;
    let columns = [
        "replies that lower a counter",
        "quotes lower one",
        "files of a deleted post",
        "a removal also empties",
        "posts are counted by host",
        "removes old Deletes and tombstones itself",
    ];
    ensure_table(columns, |dialect| {
        let replies = match dialect.lowered_replies {
            LoweredReplies::All => "all",
            LoweredReplies::Public => "public ones",
            LoweredReplies::PublicExceptVotes => "public ones, no votes",
        };
        let quotes = match (dialect.lowers_quotes, dialect.lowered_replies) {
            (false, _) => "no",
            (true, LoweredReplies::All) => "yes",
            (true, LoweredReplies::Public | LoweredReplies::PublicExceptVotes) => "public ones",
        };
        let files = if dialect.cleanup_attachments { "are removed" } else { "stay" };
        let emptied = match dialect.emptied_columns {
            EmptiedColumns::None => "–",
            EmptiedColumns::MastofeSettings => "`mastofe_settings`",
            EmptiedColumns::ApEnabled => "`ap_enabled`",
            EmptiedColumns::ApEnabledAndMastofeSettings => "`ap_enabled`, `mastofe_settings`",
            EmptiedColumns::AcceptsEmailList => "`accepts_email_list`",
            EmptiedColumns::ApEnabledAndKeys => "`ap_enabled`, `mastofe_settings`, the keys",
        };
        let is_it = |name: &&str| name.trim_end_matches('?') == dialect.name;
        let counted = match counting.split(' ').find(is_it) {
            None => "no",
            Some(name) if name.ends_with('?') => "3.16 only",
            Some(_) => "yes",
        };
        let pruned = dialect.prunes_after_days.map(|days| format!("after {days} days"));
        let pruned = pruned.as_deref().unwrap_or("no");
        [replies, quotes, files, emptied, counted, pruned].map(str::to_owned)
    })
}

#[test]
fn the_page_says_what_new_accounts_get() -> Result<()> {
    let columns = ["password hash", "login accepts argon2", "keys", "addresses"];
    ensure_table(columns, |dialect| {
        let hash = match dialect.password_scheme {
            PasswordScheme::Argon2 => "argon2",
            PasswordScheme::Pbkdf2 => "pbkdf2",
        };
        let argon2 = match dialect.argon2_login {
            Argon2Login::Yes => "yes",
            Argon2Login::SinceLater => "from 2.8.0 on",
            Argon2Login::No => "no",
        };
        let has_table = dialect.rights().any(|right| right.table == "public.signing_keys");
        let keys = match (dialect.makes_keys, has_table) {
            (false, _) => "made by the server at first use",
            (true, false) => "`users.keys`",
            (true, true) => "`signing_keys`; `users.keys` if there is no such table",
        };
        let addresses = match dialect.local_addresses {
            LocalAddresses::ByNickname => "by nickname",
            LocalAddresses::ById => "by id",
        };
        [hash, argon2, keys, addresses].map(str::to_owned)
    })
}

#[test]
fn the_page_says_what_a_running_server_shows() -> Result<()> {
    ensure_table(["a changed account", "a removed account"], |dialect| {
        let changed = match (dialect.reloads_fieldless, dialect.account_cache) {
            (true, _) => "within a second; after a restart if its profile has fields",
            (false, AccountCache::Expires) => "within 25 s",
            (false, AccountCache::UntilRestart) => "after a restart",
            (false, AccountCache::ProfileOnly) => {
                "after a restart; what its owner may do changes immediately"
            }
        };
        let removed = match dialect.removal_job {
            RemovalJob::Always { .. } => "at the end of the run",
            RemovalJob::OfRow { .. } => {
                "within a second; one that was never confirmed at the end of the run"
            }
            RemovalJob::Never => "after a restart",
        };
        [changed, removed].map(str::to_owned)
    })
}

//! README and `docs/servers.md` say of the dialects what they are.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use ostrakon_server::{
    DIALECTS, Dialect, LocalAddresses, LoweredReplies, PasswordScheme, Unreachable,
};

fn page(name: &str) -> Result<String> {
    Ok(fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))?)
}

/// A row of a table, with a cell for each dialect.
fn row(first: &str, cell: impl Fn(&Dialect) -> String) -> String {
    let cells: Vec<String> = DIALECTS.iter().map(|dialect| cell(dialect)).collect();
    format!("| {first} | {} |", cells.join(" | "))
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

#[test]
fn the_page_has_a_row_for_each_server() -> Result<()> {
    let text = page("docs/servers.md")?;
    let table = text.lines().skip_while(|line| !line.starts_with("| server |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    let named: Vec<&str> = rows.filter_map(|line| line.split('|').nth(1)).map(str::trim).collect();
    let titles: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.title).collect();
    ensure!(named == titles, "{named:?} instead of {titles:?}");
    Ok(())
}

#[test]
fn the_page_says_what_differs() -> Result<()> {
    let text = page("docs/servers.md")?;
    let files = |removed| if removed { "removed" } else { "stay" };
    for row in [
        row("attempts for a delivery", |dialect| dialect.delivery_attempts.to_string()),
        row("hosts that have been unreachable get none", |dialect| match dialect.unreachable {
            Unreachable::AfterTimeout => "after 7 days".to_owned(),
            Unreachable::Immediately => "immediately".to_owned(),
        }),
        row("password hash of a new account", |dialect| match dialect.password_scheme {
            PasswordScheme::Argon2 => "argon2".to_owned(),
            PasswordScheme::Pbkdf2 => "pbkdf2".to_owned(),
        }),
        row("files of a deleted post", |dialect| {
            format!("{}, unless it is set otherwise", files(dialect.cleanup_attachments))
        }),
        row("addresses of new accounts", |dialect| match dialect.local_addresses {
            LocalAddresses::ByNickname => "by nickname".to_owned(),
            LocalAddresses::ById => "by id".to_owned(),
        }),
        row("replies that lower a counter", |dialect| match dialect.lowered_replies {
            LoweredReplies::All => "all".to_owned(),
            LoweredReplies::Public => "public ones".to_owned(),
            LoweredReplies::PublicExceptVotes => "public ones, no votes".to_owned(),
        }),
    ] {
        ensure!(text.lines().any(|line| line == row), "docs/servers.md has no line {row}");
    }
    Ok(())
}

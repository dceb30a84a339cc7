//! `ostrakon user show NICK`

use chrono::{DateTime, SecondsFormat, Utc};
use ostrakon_server::{AccountDetails, Flake, account_details, find_actor};
use serde::Serialize;

use crate::{
    cli::{Output, output::one_line},
    failure::Failure,
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user show mallory@spam.example")]
pub(in crate::cli) struct Options {
    /// Nickname of the account, local or remote.
    #[arg(value_name = "NICK")]
    nickname: String,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    nickname: Option<&'a str>,
    id: String,
    ap_id: &'a str,
    local: bool,
    name: Option<&'a str>,
    email: Option<&'a str>,
    admin: bool,
    moderator: bool,
    active: bool,
    confirmed: bool,
    approved: bool,
    locked: bool,
    tags: &'a [String],
    followers: i32,
    following: i32,
    posts: i64,
    note_count: i32,
    created_at: String,
    last_active_at: Option<String>,
    last_status_at: Option<String>,
}

/// Shows the account.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let mut db = session.pool.acquire().await?;
    let unknown = || Failure::NotFound(format!("No user {}", options.nickname));
    let actor = find_actor(&mut db, &server, &options.nickname).await?.ok_or_else(unknown)?;
    let account = account_details(&mut db, &server, actor.id).await?.ok_or_else(unknown)?;
    for line in aligned(&rows(&account)) {
        output.result(line);
    }
    output.object(&object(&account));
    Ok(())
}

fn time(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn object(account: &AccountDetails) -> Object<'_> {
    Object {
        command: "show",
        nickname: account.nickname.as_deref(),
        id: Flake(account.id).to_string(),
        ap_id: &account.ap_id,
        local: account.local,
        name: account.name.as_deref(),
        email: account.email.as_deref(),
        admin: account.admin,
        moderator: account.moderator,
        active: account.active,
        confirmed: account.confirmed,
        approved: account.approved,
        locked: account.locked,
        tags: &account.tags,
        followers: account.followers,
        following: account.following,
        posts: account.posts,
        note_count: account.note_count,
        created_at: time(account.created_at),
        last_active_at: account.last_active_at.map(time),
        last_status_at: account.last_status_at.map(time),
    }
}

/// Text output: only lines with information, in the order in which readers need them.
fn rows(account: &AccountDetails) -> Vec<(&'static str, String)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let moment = |value: Option<DateTime<Utc>>| value.map_or_else(|| "-".to_owned(), time);
    let mut rows = vec![
        ("Nickname", text(&account.nickname)),
        ("Name", text(&account.name)),
        ("Address", account.ap_id.clone()),
        ("Id", Flake(account.id).to_string()),
        ("Server", (if account.local { "local" } else { "remote" }).to_owned()),
    ];
    if account.local {
        rows.push(("E-mail", text(&account.email)));
    }
    let tags = if account.tags.is_empty() { "-".to_owned() } else { account.tags.join(", ") };
    rows.extend([
        ("Roles", roles(account)),
        ("State", state(account)),
        ("Tags", tags),
        ("Followers", account.followers.to_string()),
        ("Following", account.following.to_string()),
        ("Posts here", account.posts.to_string()),
        ("Posts by its counter", account.note_count.to_string()),
        ("Created", time(account.created_at)),
        ("Last active", moment(account.last_active_at)),
        ("Last post", moment(account.last_status_at)),
    ]);
    rows
}

fn roles(account: &AccountDetails) -> String {
    match (account.admin, account.moderator) {
        (true, true) => "admin, moderator",
        (true, false) => "admin",
        (false, true) => "moderator",
        (false, false) => "-",
    }
    .to_owned()
}

fn state(account: &AccountDetails) -> String {
    [
        if account.active { "active" } else { "deactivated" },
        if account.confirmed { "confirmed" } else { "unconfirmed" },
        if account.approved { "approved" } else { "unapproved" },
        if account.locked { "locked" } else { "not locked" },
    ]
    .join(", ")
}

fn aligned(rows: &[(&str, String)]) -> Vec<String> {
    let width = rows.iter().map(|(label, _)| label.len() + 1).max().unwrap_or(0);
    // Names are untrusted: none may look like a second line.
    let line = |(label, value): &(&str, String)| {
        format!("{:width$} {}", format!("{label}:"), one_line(value))
    };
    rows.iter().map(line).collect()
}

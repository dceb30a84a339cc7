//! Printed form of selected accounts.

use chrono::{DateTime, SecondsFormat, Utc};
use ostrakon_server::{Flake, Selected, SelectedAccount, Selectors};
use serde::Serialize;

use crate::{
    cli::{
        Output,
        output::{Stacked, fitting, table},
    },
    numbers::{counted, thousands},
};

/// Digits of a digest that are shown; JSON has all.
const DIGITS: usize = 16;

/// What is printed besides the accounts.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    pub(super) command: &'static str,
    pub(super) selection: Option<&'a str>,
    pub(super) accounts: usize,
    pub(super) local: i64,
    pub(super) remote: i64,
    pub(super) all_local: i64,
    pub(super) staff_left_out: i64,
    pub(super) unknown_left_out: i64,
    pub(super) digest: &'a str,
    pub(super) selectors: &'a Selectors,
}

/// Account as a JSON object.
#[derive(Debug, Serialize)]
pub(super) struct Account<'a> {
    command: &'static str,
    nickname: &'a str,
    id: String,
    local: bool,
    active: bool,
    confirmed: bool,
    approved: bool,
    posts: i32,
    followers: i32,
    created_at: String,
}

/// Prints the accounts: a sample as a table, all of them in JSON.
pub(super) fn show(selected: &Selected, summary: &Summary<'_>, sample: usize, output: Output) {
    for account in &selected.accounts {
        output.object(&object(account));
        if Output::is_lost() {
            return;
        }
    }
    output.object(summary);
    for line in count_lines(summary) {
        output.result(line);
    }
    for line in sample_lines(&selected.accounts, sample) {
        output.result(line);
    }
    if summary.accounts > 0 {
        output.result(format!("Digest: {}", short(summary.digest)));
    }
}

/// Beginning of a digest.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..DIGITS).unwrap_or(digest)
}

/// Sentences about the numbers of accounts.
pub(super) fn count_lines(summary: &Summary<'_>) -> Vec<String> {
    let number = i64::try_from(summary.accounts).unwrap_or(i64::MAX);
    let match_or_matches = if number == 1 { "matches" } else { "match" };
    let mut lines = vec![format!(
        "{} {match_or_matches}: {} of the {} local ones, {} remote.",
        counted(number, "accounts"),
        thousands(summary.local),
        thousands(summary.all_local),
        thousands(summary.remote)
    )];
    if summary.staff_left_out > 0 {
        let staff = counted(summary.staff_left_out, "more accounts");
        lines.push(format!("Left out, since they are admins or moderators: {staff}."));
    }
    if summary.unknown_left_out > 0 {
        lines.push(format!(
            "Left out, since they are unknown: {}.",
            thousands(summary.unknown_left_out)
        ));
    }
    lines
}

/// The first accounts as a table.
pub(in crate::cli) fn sample_lines(accounts: &[SelectedAccount], sample: usize) -> Vec<String> {
    if accounts.is_empty() || sample == 0 {
        return Vec::new();
    }
    let shown = || accounts.iter().take(sample);
    let rows: Vec<Vec<String>> = shown().map(row).collect();
    let narrow = || shown().map(narrow).collect();
    let header = ["NICKNAME", "CREATED (UTC)", "POSTS", "FOLLOWERS", "STATE"];
    let mut lines = fitting(table(&header, &rows), &["NICKNAME"], narrow);
    let more = accounts.len().saturating_sub(sample);
    if more > 0 {
        let more = thousands(i64::try_from(more).unwrap_or(i64::MAX));
        lines.push(format!("and {more} more; --sample N shows more of them, --json all"));
    }
    lines
}

fn row(account: &SelectedAccount) -> Vec<String> {
    vec![
        account.nickname.clone(),
        account.created_at.format("%Y-%m-%d %H:%M").to_string(),
        thousands(i64::from(account.posts)),
        thousands(i64::from(account.followers)),
        state(account),
    ]
}

/// Narrow form, for a terminal without room for all columns.
fn narrow(account: &SelectedAccount) -> Stacked {
    let below = format!(
        "created {}, {}, {}, {}",
        account.created_at.format("%Y-%m-%d %H:%M"),
        counted(i64::from(account.posts), "posts"),
        counted(i64::from(account.followers), "followers"),
        state(account)
    );
    Stacked { cells: vec![account.nickname.clone()], below }
}

fn state(account: &SelectedAccount) -> String {
    let mut words = vec![if account.active { "active" } else { "deactivated" }];
    if !account.confirmed {
        words.push("unconfirmed");
    }
    if !account.approved {
        words.push("unapproved");
    }
    words.join(", ")
}

pub(super) fn object(account: &SelectedAccount) -> Account<'_> {
    Account {
        command: "select",
        nickname: &account.nickname,
        id: Flake(account.id).to_string(),
        local: account.local,
        active: account.active,
        confirmed: account.confirmed,
        approved: account.approved,
        posts: account.posts,
        followers: account.followers,
        created_at: rfc3339(account.created_at),
    }
}

/// Time in JSON and CSV.
pub(super) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

//! `ostrakon user list`

use futures::TryStreamExt as _;
use ostrakon_server::{AccountFilter, Flake, ListedAccount, TaskOutput, list_accounts};
use serde::Serialize;

use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user list --moderators --json")]
pub(in crate::cli) struct Options {
    /// Only admins; with --moderators, only accounts with both roles.
    #[arg(long)]
    admins: bool,
    /// Only moderators.
    #[arg(long)]
    moderators: bool,
    /// Only deactivated accounts.
    #[arg(long)]
    inactive: bool,
    /// Maximum number of accounts.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    limit: Option<i64>,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    nickname: &'a str,
    id: String,
    admin: bool,
    moderator: bool,
    locked: bool,
    active: bool,
    confirmed: bool,
    approved: bool,
}

/// Prints each account as soon as the database returns it.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let filter = AccountFilter {
        admins: options.admins,
        moderators: options.moderators,
        inactive: options.inactive,
        limit: options.limit,
    };
    let mut db = session.pool.acquire().await?;
    let mut accounts = list_accounts(&mut db, &server, filter);
    while let Some(account) = accounts.try_next().await? {
        output.result(line(&account, server.dialect.task_output));
        output.object(&object(&account));
        if Output::is_lost() {
            break;
        }
    }
    Ok(())
}

/// The original's line (docs/semantics.md 4.1).
fn line(account: &ListedAccount, words: TaskOutput) -> String {
    let ListedAccount { nickname, moderator, admin, locked, active, .. } = account;
    let state = match words {
        TaskOutput::Deactivated => format!("deactivated: {}", !active),
        TaskOutput::Active => format!("is_active: {active}"),
    };
    format!("{nickname} moderator: {moderator}, admin: {admin}, locked: {locked}, {state}")
}

fn object(account: &ListedAccount) -> Object<'_> {
    Object {
        command: "list",
        nickname: &account.nickname,
        id: Flake(account.id).to_string(),
        admin: account.admin,
        moderator: account.moderator,
        locked: account.locked,
        active: account.active,
        confirmed: account.confirmed,
        approved: account.approved,
    }
}

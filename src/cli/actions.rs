//! `ostrakon actions`: changes made without a run, with their authors and reasons.

use chrono::SecondsFormat;
use ostrakon_engine::ledger::{self, Action};
use serde::Serialize;
use serde_json::Value;

use super::{
    Failure, Output,
    output::{Stacked, fitting, table},
};
use crate::session::Session;

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon actions --subject alice")]
pub(super) struct Options {
    /// Filter by subject: the nickname as it was typed.
    #[arg(long, value_name = "NICK")]
    subject: Option<String>,
    /// Maximum number of actions.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
}

#[derive(Serialize)]
struct Object<'a> {
    action_id: &'a str,
    command: &'a str,
    subject: &'a str,
    requested_by: &'a str,
    database_user: Option<&'a str>,
    on_behalf_of: Option<&'a str>,
    reason: Option<&'a str>,
    detail: &'a Value,
    at: String,
}

/// Lists the latest actions, newest first.
pub(super) async fn run(
    options: &Options,
    session: Session,
    output: Output,
) -> Result<(), Failure> {
    session.require_ledger().await?;
    let mut db = session.side_pool.acquire().await?;
    let actions = ledger::actions(&mut db, options.subject.as_deref(), options.limit).await?;
    for action in &actions {
        output.object(&object(action));
    }
    if actions.is_empty() {
        output.note("No actions.");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = actions.iter().map(row).collect();
    let header = ["AT", "COMMAND", "SUBJECT", "BY", "ROLE", "AS", "REASON"];
    let narrow = || actions.iter().map(narrow).collect();
    for line in fitting(table(&header, &rows), &["AT", "COMMAND", "SUBJECT"], narrow) {
        output.result(line);
    }
    Ok(())
}

fn object(action: &Action) -> Object<'_> {
    Object {
        action_id: &action.id,
        command: &action.command,
        subject: &action.subject,
        requested_by: &action.requested_by,
        database_user: action.database_user.as_deref(),
        on_behalf_of: action.on_behalf_of.as_deref(),
        reason: action.reason.as_deref(),
        detail: &action.detail,
        at: action.at.to_rfc3339_opts(SecondsFormat::Millis, true),
    }
}

fn row(action: &Action) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        action.at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        action.command.clone(),
        action.subject.clone(),
        action.requested_by.clone(),
        or_dash(&action.database_user),
        or_dash(&action.on_behalf_of),
        or_dash(&action.reason),
    ]
}

/// Narrow form of the list, for a terminal without room for names and reasons in one row.
fn narrow(action: &Action) -> Stacked {
    let mut below = format!("by {}", action.requested_by);
    if let Some(role) = &action.database_user {
        below = format!("{below} (database role {role})");
    }
    if let Some(staff) = &action.on_behalf_of {
        below = format!("{below} as {staff}");
    }
    if let Some(reason) = &action.reason {
        below = format!("{below}: {reason}");
    }
    let time = action.at.format("%Y-%m-%d %H:%M:%S").to_string();
    Stacked { cells: vec![time, action.command.clone(), action.subject.clone()], below }
}

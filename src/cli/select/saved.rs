//! `ostrakon select show|list|edit|export|drop`: frozen selections.

use clap::Subcommand;
use ostrakon_engine::ledger::{self, FrozenAccount, Selection};
use ostrakon_server::{Flake, Server};
use serde_json::{Value, json};

use super::{
    describe::describe,
    listing::{object, rfc3339, sample_lines, short},
};
use crate::{
    cli::{
        Failure, Output,
        output::{Stacked, fitting, table},
    },
    numbers::{counted, thousands},
    requests::{self, Changed},
    session::Session,
};

/// Commands about frozen selections.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Show a selection, and which of its accounts have changed since.
    Show(ShowOptions),
    /// List all selections, newest first.
    List,
    /// Add accounts to a selection, or remove some.
    #[command(after_help = "Example: ostrakon select edit wave1 --remove alice --remove bob")]
    Edit(EditOptions),
    /// Print a selection as CSV: nickname, id, time of creation.
    #[command(after_help = "Example: ostrakon select export wave1 > wave1.csv")]
    Export(Name),
    /// Drop a selection; its accounts stay.
    Drop(Name),
}

/// Names a selection.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Name {
    /// Name of the selection.
    #[arg(value_name = "NAME")]
    name: String,
}

/// What can be typed for `show`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ShowOptions {
    #[command(flatten)]
    name: Name,
    /// Maximum number of accounts to show.
    #[arg(long, value_name = "N", default_value_t = 20)]
    sample: usize,
}

/// What can be typed for `edit`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct EditOptions {
    /// Name of the selection.
    #[arg(value_name = "NAME")]
    name: String,
    /// Nickname of an account to add; may be repeated. The selectors do not apply to it.
    #[arg(long, value_name = "NICK", required_unless_present = "remove")]
    add: Vec<String>,
    /// Nickname of an account to remove; may be repeated.
    #[arg(long, value_name = "NICK")]
    remove: Vec<String>,
}

/// Executes a command about frozen selections.
pub(super) async fn run(
    command: &Command,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    session.require_ledger().await?;
    match command {
        Command::List => list(session, output).await,
        Command::Export(Name { name }) => export(session, name, output).await,
        Command::Show(options) => {
            let server = session.server().await?;
            show(session, &server, options, output).await
        }
        Command::Edit(EditOptions { name, add, remove }) => {
            let server = session.server().await?;
            let (selection, added, removed) =
                requests::edit_selection(session, &server, name, add, remove).await?;
            output.result(format!(
                "Selection {name}: {}, {added} added, {removed} removed.",
                counted(selection.accounts, "accounts")
            ));
            let mut edited = selection_object(&selection);
            edited["added"] = added.into();
            edited["removed"] = removed.into();
            output.object(&edited);
            Ok(())
        }
        Command::Drop(Name { name }) => {
            let selection = requests::drop_selection(session, name).await?;
            let number = counted(selection.accounts, "accounts");
            output.result(format!("Selection {name} was dropped; its {number} stay as they are."));
            output.object(&selection_object(&selection));
            Ok(())
        }
    }
}

async fn list(session: &Session, output: Output) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    let selections = ledger::selections(&mut db).await?;
    for selection in &selections {
        output.object(&selection_object(selection));
    }
    if selections.is_empty() {
        output.note("No selections.");
        return Ok(());
    }
    let created = |selection: &Selection| selection.created_at.format("%Y-%m-%d %H:%M UTC");
    let row = |selection: &Selection| {
        vec![
            selection.name.clone(),
            thousands(selection.accounts),
            created(selection).to_string(),
            selection.requested_by.clone(),
            describe(&selection.selectors),
        ]
    };
    let rows: Vec<Vec<String>> = selections.iter().map(row).collect();
    let narrow = || {
        let stacked = |row: &Vec<String>| Stacked {
            cells: row.iter().take(3).cloned().collect(),
            below: row.iter().skip(3).cloned().collect::<Vec<_>>().join(": "),
        };
        rows.iter().map(stacked).collect()
    };
    let header = ["NAME", "ACCOUNTS", "SAVED", "BY", "SELECTORS"];
    for line in fitting(table(&header, &rows), &header[..3], narrow) {
        output.result(line);
    }
    Ok(())
}

async fn show(
    session: &Session,
    server: &Server,
    options: &ShowOptions,
    output: Output,
) -> Result<(), Failure> {
    let mut db = session.pool.acquire().await?;
    let frozen = requests::load_selection(&mut db, server, &options.name.name).await?;
    for account in &frozen.accounts {
        output.object(&object(account));
    }
    for changed in &frozen.changed {
        output.object(&json!({
            "command": "select_show", "nickname": changed.nickname,
            "id": Flake(changed.id).to_string(), "changed": changed.reason,
        }));
    }
    let mut summary = selection_object(&frozen.selection);
    summary["changed"] = frozen.changed.len().into();
    summary["deactivated_since"] = frozen.deactivated.into();
    output.object(&summary);
    for line in head(&frozen.selection) {
        output.result(line);
    }
    for line in sample_lines(&frozen.accounts, options.sample) {
        output.result(line);
    }
    if frozen.deactivated > 0 {
        let deactivated = counted(frozen.deactivated, "accounts");
        output.result(format!("Deactivated since, and still included: {deactivated}."));
    }
    for line in change_lines("left out", &frozen.changed, options.sample) {
        output.result(line);
    }
    Ok(())
}

/// Lines about a selection as a whole.
fn head(selection: &Selection) -> Vec<String> {
    let at = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    let by = match &selection.database_user {
        Some(role) => format!("{} (database role {role})", selection.requested_by),
        None => selection.requested_by.clone(),
    };
    let mut lines = vec![
        format!("Selection: {}, {}", selection.name, counted(selection.accounts, "accounts")),
        format!("Selectors: {}", describe(&selection.selectors)),
        format!("Saved:     {} by {by}", at(selection.created_at)),
    ];
    lines.extend(selection.edited_at.map(|edited| format!("Edited:    {}", at(edited))));
    lines.extend(selection.reason.as_ref().map(|reason| format!("Reason:    {reason}")));
    lines.push(format!("Digest:    {}", short(&selection.digest)));
    lines
}

/// Lines about accounts that have changed since they were frozen, and `what` is done with them.
pub(in crate::cli) fn change_lines(what: &str, changed: &[Changed], sample: usize) -> Vec<String> {
    let count =
        |number: usize, things: &str| counted(i64::try_from(number).unwrap_or(i64::MAX), things);
    if changed.is_empty() {
        return Vec::new();
    }
    let mut lines =
        vec![format!("Changed since, and {what}: {}:", count(changed.len(), "accounts"))];
    let line = |Changed { nickname, reason, .. }: &Changed| format!("  {nickname}: {reason}");
    lines.extend(changed.iter().take(sample).map(line));
    let more = changed.len().saturating_sub(sample);
    if more > 0 {
        lines.push(format!("  and {}", count(more, "more accounts")));
    }
    lines
}

async fn export(session: &Session, name: &str, output: Output) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    let (_, list) = requests::find_selection(&mut db, name).await?;
    if output.json {
        for frozen in &list {
            let FrozenAccount { account, nickname, created_at, .. } = frozen;
            output.object(&json!({
                "command": "select_export", "nickname": nickname,
                "id": Flake(*account).to_string(), "created_at": rfc3339(*created_at),
            }));
        }
        return Ok(());
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    let written = (|| {
        csv.write_record(["nickname", "id", "created_at"])?;
        for frozen in &list {
            let FrozenAccount { account, nickname, created_at, .. } = frozen;
            csv.write_record([nickname, &account.to_string(), &rfc3339(*created_at)])?;
        }
        csv.flush()?;
        Ok::<(), csv::Error>(())
    })();
    written.map_err(|error| Failure::Failed(error.to_string()))?;
    let bytes = csv.into_inner().map_err(|error| Failure::Failed(error.to_string()))?;
    for line in String::from_utf8_lossy(&bytes).lines() {
        output.result(line);
    }
    Ok(())
}

/// A selection as a JSON object.
pub(super) fn selection_object(selection: &Selection) -> Value {
    json!({
        "command": "select",
        "selection": selection.name,
        "accounts": selection.accounts,
        "digest": selection.digest,
        "selectors": selection.selectors,
        "requested_by": selection.requested_by,
        "database_user": selection.database_user,
        "reason": selection.reason,
        "created_at": rfc3339(selection.created_at),
        "edited_at": selection.edited_at.map(rfc3339),
    })
}

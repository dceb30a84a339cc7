//! `ostrakon config`

use clap::Subcommand;
use ostrakon_server::Server;

use super::{
    Failure, Output,
    output::{Stacked, fitting, table},
    plan::{Recognised, show_server},
};
use crate::{
    session::{BATCH_CONNECTIONS, COMMAND_CONNECTIONS, LISTENING_CONNECTIONS, Session},
    settings::{Loaded, SIDE_CONNECTIONS, Settings},
};

/// Commands about settings.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show every setting in force and where it comes from, with passwords masked, and the server that
    /// the database is recognised as.
    Show,
}

/// Shows the settings, and the server that the database is recognised as.
pub(super) async fn run(command: &Command, loaded: Loaded, output: Output) {
    match command {
        Command::Show => {
            show(&loaded, output);
            if loaded.settings.database.url().is_err() {
                return;
            }
            match recognise(loaded.settings).await {
                Ok(server) => {
                    output.object(&Recognised::of(&server));
                    show_server(&server, output);
                }
                Err(failure) => output.note(format!("The server was not recognised: {failure}")),
            }
        }
    }
}

async fn recognise(settings: Settings) -> Result<Server, Failure> {
    Session::connect(settings).await?.server().await
}

fn show(loaded: &Loaded, output: Output) {
    let entries = loaded.entries();
    for entry in &entries {
        output.object(entry);
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let value = entry.value.clone().unwrap_or_else(|| "-".to_owned());
            vec![entry.key.to_owned(), value, entry.origin.to_string()]
        })
        .collect();
    let narrow = || {
        let of = |row: &Vec<String>| Stacked {
            cells: row.iter().take(1).cloned().collect(),
            below: row.get(1..).unwrap_or_default().join(", from "),
        };
        rows.iter().map(of).collect()
    };
    for line in fitting(table(&["KEY", "VALUE", "FROM"], &rows), &["KEY"], narrow) {
        output.result(line);
    }
    output.result(connections(&loaded.settings));
}

/// Maximum number of connections to PostgreSQL held by processes with these settings.
fn connections(settings: &Settings) -> String {
    let listening = if settings.notifying_redis().is_none() { LISTENING_CONNECTIONS } else { 0 };
    format!(
        "Connections to PostgreSQL: at most {} for a worker, {} for a command.",
        settings.worker.jobs() + SIDE_CONNECTIONS + listening,
        COMMAND_CONNECTIONS + BATCH_CONNECTIONS
    )
}

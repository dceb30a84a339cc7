//! `kenoma config`

use clap::Subcommand;

use super::{Output, output::table};
use crate::settings::Loaded;

/// Commands about settings.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show every setting in force and where it comes from, with passwords masked.
    Show,
}

/// Shows the settings.
pub(super) fn run(command: &Command, loaded: &Loaded, output: Output) {
    match command {
        Command::Show => show(loaded, output),
    }
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
    for line in table(&["KEY", "VALUE", "FROM"], &rows) {
        output.result(line);
    }
}

//! `ostrakon user convert_id ID`

use ostrakon_server::Flake;
use serde::Serialize;
use uuid::Uuid;

use crate::{cli::Output, failure::Failure};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user convert_id BCjL2aigzG9M563KXA")]
pub(in crate::cli) struct Options {
    /// A flake id, a UUID, or the number of a row from before flakes.
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Serialize)]
struct Object {
    command: &'static str,
    flake: String,
    uuid: Uuid,
}

/// Converts a flake to a UUID, and a UUID to a flake. Needs no database.
pub(super) fn run(options: &Options, output: Output) -> Result<(), Failure> {
    let typed = &options.id;
    let (flake, line) = if let Ok(flake) = typed.parse::<Flake>() {
        (flake, flake.0.to_string())
    } else if let Ok(uuid) = Uuid::try_parse(typed) {
        (Flake(uuid), Flake(uuid).to_string())
    } else {
        let beginning: String = typed.chars().take(60).collect();
        return Err(Failure::Usage(format!(
            "{beginning:?} is not an id: neither a flake id, nor a UUID, nor the number of a row \
             from before flakes"
        )));
    };
    output.result(line);
    output.object(&Object { command: "convert_id", flake: flake.to_string(), uuid: flake.0 });
    Ok(())
}

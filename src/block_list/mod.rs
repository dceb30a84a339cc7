//! Lists of blocked hosts, as other programs write them. Reads bytes and prints nothing.
//!
//! A reader per family of formats turns a file into rows; [`rules`] decides which of them are taken,
//! and counts the others. Half a list is worse than none: what cannot be read refuses the file, unless
//! the operator leaves such rows out.

#[cfg(any(test, fuzzing))]
mod check;
mod comment;
mod fault;
mod format;
mod gotosocial;
mod json;
mod plain;
mod rapidblock;
mod records;
mod row;
mod rules;
mod severity;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::collections::HashSet;

use ostrakon_jobs::deactivate_instance::Host;

#[cfg(any(test, fuzzing))]
pub(crate) use check::check;
pub(crate) use fault::{Bad, Fault};
pub(crate) use format::Format;
pub(crate) use row::Place;
pub(crate) use rules::{Rules, Skipped};
pub(crate) use severity::Severities;

use row::{Row, Stated};

/// Maximum size of a file, in bytes.
pub(crate) const FILE_MAX: usize = 4 * 1024 * 1024;

/// Maximum number of hosts in a list: each becomes a run with its plan.
const HOSTS_MAX: usize = 20_000;

/// List of hosts, read from a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BlockList {
    /// Hosts without duplicates, in the file's order.
    pub(crate) entries: Vec<Entry>,
    /// Rows that are not taken.
    pub(crate) skipped: Skipped,
    /// Whether the format has severities, but the file states none.
    pub(crate) lacks_severities: bool,
}

/// Host of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// First place that names it.
    pub(crate) place: Place,
    /// The host.
    pub(crate) host: Host,
    /// Comments and labels, if there are any.
    pub(crate) comment: Option<String>,
}

/// Rows of a file.
#[derive(Debug)]
struct Rows {
    /// Rows in the file's order, and why some could not be read.
    rows: Vec<Result<Row, (Place, String)>>,
    /// Whether the format has severities, but the file states none.
    lacks_severities: bool,
}

/// Reads a list of blocked hosts. Without a format, guesses it.
pub(crate) fn read(
    bytes: &[u8],
    format: Option<Format>,
    rules: &Rules,
) -> Result<BlockList, Fault> {
    let Rows { rows, lacks_severities } = rows(bytes, format)?;
    let (entries, skipped) = rules::take(rows, rules)?;
    Ok(BlockList { entries, skipped, lacks_severities })
}

/// Reads the hosts of a list of any of the formats, whatever it says about them. Each of its rows has
/// to be read: one that is left out would protect nobody.
pub(crate) fn read_allowed(bytes: &[u8]) -> Result<HashSet<Host>, Fault> {
    let mut rows = rows(bytes, None)?.rows;
    for row in rows.iter_mut().flatten() {
        row.severity = Stated::Nothing;
    }
    match rules::take_any(rows, &Rules::default()) {
        Ok((entries, _)) => Ok(entries.into_iter().map(|entry| entry.host).collect()),
        Err(Fault::Rows(bad)) => Err(Fault::Rows(Bad { can_be_skipped: false, ..bad })),
        Err(fault @ Fault::File(_)) => Err(fault),
    }
}

fn rows(bytes: &[u8], format: Option<Format>) -> Result<Rows, Fault> {
    let text = text::of(bytes)?;
    match format.unwrap_or_else(|| Format::guess(text)) {
        Format::Plain => Ok(plain::rows(text)),
        Format::Csv => table::rows(text),
        Format::GotosocialJson => gotosocial::rows(text),
        Format::RapidblockJson => rapidblock::rows(text),
    }
}

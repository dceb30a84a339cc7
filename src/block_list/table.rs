//! Tables with a host per row (CSV). The line that names the columns decides what they mean; without
//! one, the first column has the hosts and the second one the severities.

use super::{
    Fault, Rows,
    records::{Record, fields, split},
    row::{Place, Row, Stated},
    severity::Severity,
    text::lines,
};
use crate::numbers::thousands;

/// Maximum length of a record, in bytes: a host and comments.
const RECORD_MAX: usize = 16 * 1024;

const HOST: [&str; 4] = ["domain", "host", "hostname", "instance"];
const SEVERITY: [&str; 1] = ["severity"];
const COMMENTS: [&str; 4] = ["public_comment", "private_comment", "comment", "reason"];
const LABELS: [&str; 4] = ["tags", "tag", "labels", "label"];

/// Columns that other programs write and that mean nothing here.
const OTHERS: [&str; 4] = ["reject_media", "reject_reports", "obfuscate", "digest"];

/// What the columns of a table mean.
#[derive(Debug)]
struct Columns {
    host: usize,
    severity: Option<usize>,
    comments: Vec<usize>,
    labels: Vec<usize>,
    /// Number of columns that have a name.
    named: Option<usize>,
}

/// Whether a line names the columns of a table.
pub(super) fn is_header(line: &[u8]) -> bool {
    let Ok(line) = str::from_utf8(line) else { return false };
    // A comment may begin with the same word, but has a space in front of it.
    let names = names(&fields(line, delimiter(line.as_bytes())));
    let is_one = |name: &String| HOST.contains(&name.as_str());
    match names.as_slice() {
        [only] => is_one(only) && !line.starts_with('#'),
        several => several.iter().any(is_one) || several.iter().any(|name| is_column(name)),
    }
}

fn is_column(name: &str) -> bool {
    SEVERITY.contains(&name) || OTHERS.contains(&name) || name.ends_with("_comment")
}

/// Names of columns in lower case, without the `#` of Mastodon's export.
fn names(fields: &[String]) -> Vec<String> {
    let name = |field: &String| {
        let field = field.trim_matches('"');
        field.strip_prefix('#').unwrap_or(field).to_lowercase().replace([' ', '-'], "_")
    };
    fields.iter().map(name).collect()
}

/// What stands between the columns: what comes first after a host.
fn delimiter(text: &[u8]) -> u8 {
    let known = |byte: &u8| b",;\t".contains(byte);
    text.iter().copied().find(known).unwrap_or(b',')
}

/// Reads a table.
pub(super) fn rows(text: &[u8]) -> Result<Rows, Fault> {
    let content = |line: &&[u8]| !line.trim_ascii_start().starts_with(b"#") || is_header(line);
    let first = lines(text)
        .map(|(_, line)| line)
        .filter(content)
        .find(|line| line.iter().any(|byte| b",;\t".contains(byte)));
    let delimiter = delimiter(first.unwrap_or_default());
    let mut records = split(text, delimiter)?;
    let is_comment = |record: &Record<'_>| record.text.trim_ascii_start().starts_with(b"#");
    let begin = records.iter().position(|record| is_header(record.text) || !is_comment(record));
    let header = begin.filter(|at| records.get(*at).is_some_and(|first| is_header(first.text)));
    let header = header.map(|at| records.drain(..=at).next_back()).and_then(|record| record);
    records.retain(|record| !is_comment(record) || is_header(record.text));
    let rows: Vec<_> = records.iter().filter_map(|record| cells(record, delimiter)).collect();
    let columns = match header {
        Some(header) => named(&cells_of(header.text, delimiter), header.line)?,
        None => unnamed(&rows)?,
    };
    let lacks_severities = columns.severity.is_none();
    let rows = rows.into_iter().filter_map(|row| match row {
        Ok((place, cells)) => columns.row(place, &cells).transpose(),
        Err(bad) => Some(Err(bad)),
    });
    Ok(Rows { rows: rows.collect(), lacks_severities })
}

/// Cells of a row with its place.
type Cells = (Place, Vec<String>);

/// Cells of a record, unless all are empty: programs for tables leave such rows at the end.
fn cells(record: &Record<'_>, delimiter: u8) -> Option<Result<Cells, (Place, String)>> {
    let place = Place::Line(record.line);
    if record.text.len() > RECORD_MAX {
        let limit = thousands(i64::try_from(RECORD_MAX).unwrap_or(i64::MAX));
        return Some(Err((place, format!("it is longer than {limit} bytes"))));
    }
    if str::from_utf8(record.text).is_err() {
        return Some(Err((place, "it is not UTF-8".to_owned())));
    }
    let cells = cells_of(record.text, delimiter);
    cells.iter().any(|cell| !cell.is_empty()).then_some(Ok((place, cells)))
}

fn cells_of(text: &[u8], delimiter: u8) -> Vec<String> {
    fields(str::from_utf8(text).unwrap_or_default(), delimiter)
}

/// Columns by their names.
fn named(header: &[String], line: usize) -> Result<Columns, Fault> {
    let header = names(header);
    let among = |known: &[&str]| -> Vec<usize> {
        let found = header.iter().enumerate().filter(|(_, name)| known.contains(&name.as_str()));
        found.map(|(column, _)| column).collect()
    };
    let one = |known: &[&str], what: &str| match among(known).as_slice() {
        [] => Ok(None),
        [column] => Ok(Some(*column)),
        _ => Err(Fault::File(format!("names more than one column of {what} in line {line}"))),
    };
    let missing = || {
        Fault::File(format!(
            "names columns in line {line}, but none of them \"domain\" or \"host\""
        ))
    };
    Ok(Columns {
        host: one(&HOST, "hosts")?.ok_or_else(missing)?,
        severity: one(&SEVERITY, "severities")?,
        comments: among(&COMMENTS),
        labels: among(&LABELS),
        named: Some(header.len()),
    })
}

/// Columns of a table that does not name them.
fn unnamed(rows: &[Result<Cells, (Place, String)>]) -> Result<Columns, Fault> {
    let read = || rows.iter().flatten();
    let second = |cells: &[String]| cells.get(1).cloned().unwrap_or_default();
    let columns = read().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let has_severities = read().any(|(_, cells)| Severity::parse(&second(cells)).is_some());
    let texts = |column: &usize| {
        let cells = || read().filter_map(|(_, cells)| cells.get(*column));
        !cells().all(|cell| is_boolean(cell))
    };
    let others = read().find(|(_, cells)| cells.iter().skip(1).any(|cell| !cell.is_empty()));
    match others {
        Some((place, _)) if !has_severities => Err(Fault::File(format!(
            "has more than one column in {place}, but no line that names the columns, and no \
             severities in the second one: give one host per line, or name the columns in a first \
             line, such as domain,severity,public_comment"
        ))),
        _ => Ok(Columns {
            host: 0,
            severity: has_severities.then_some(1),
            comments: (2..columns).filter(texts).collect(),
            labels: Vec::new(),
            named: None,
        }),
    }
}

/// Whether a cell is empty, or a truth value as one of the programs writes it.
fn is_boolean(cell: &str) -> bool {
    let words = ["", "true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"];
    words.contains(&cell.to_ascii_lowercase().as_str())
}

impl Columns {
    /// Row with these cells; none for a line that names the columns again.
    fn row(&self, place: Place, cells: &[String]) -> Result<Option<Row>, (Place, String)> {
        let host = cells.get(self.host).map(String::as_str).unwrap_or_default();
        if HOST.contains(&names(&[host.to_owned()]).concat().as_str()) {
            return self.again(place, cells);
        }
        let number = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        if let Some(named) = self.named.filter(|named| number > *named) {
            return Err((
                place,
                format!(
                    "it has {number} columns, and the first line names {named}: a text with a comma \
                 needs quotes"
                ),
            ));
        }
        let host = host.split_once('#').map_or(host, |(host, _)| host.trim());
        if host.is_empty() {
            return Err((place, "it names no host".to_owned()));
        }
        let some = |columns: &[usize]| -> Vec<String> {
            columns.iter().filter_map(|column| cells.get(*column).cloned()).collect()
        };
        Ok(Some(Row {
            place,
            host: host.to_owned(),
            severity: self.severity.map_or(Stated::Nothing, |column| {
                Severity::stated(cells.get(column).map(String::as_str).unwrap_or_default())
            }),
            comments: some(&self.comments),
            labels: some(&self.labels),
        }))
    }

    /// Line that names the columns again, as in files that were put together.
    fn again(&self, place: Place, cells: &[String]) -> Result<Option<Row>, (Place, String)> {
        let (Place::Line(line) | Place::Entry(line)) = place;
        let same = named(cells, line).is_ok_and(|columns| {
            columns.host == self.host
                && columns.severity == self.severity
                && columns.comments == self.comments
                && columns.labels == self.labels
        });
        if same {
            Ok(None)
        } else {
            Err((place, "it names other columns than the first line".to_owned()))
        }
    }
}

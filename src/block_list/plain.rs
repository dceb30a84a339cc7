//! One host per line.

use super::{
    Rows,
    row::{Place, Row, Stated},
    text::lines,
};
use crate::numbers::thousands;

/// Maximum length of a line, in bytes: a host and a comment.
const LINE_MAX: usize = 4 * 1024;

/// Reads lines. A `#` starts a comment; no host contains one.
pub(super) fn rows(text: &[u8]) -> Rows {
    let rows = lines(text).filter_map(|(number, line)| row(Place::Line(number), line).transpose());
    Rows { rows: rows.collect(), lacks_severities: false }
}

fn row(place: Place, line: &[u8]) -> Result<Option<Row>, (Place, String)> {
    if line.len() > LINE_MAX {
        let limit = thousands(i64::try_from(LINE_MAX).unwrap_or(i64::MAX));
        return Err((place, format!("it is longer than {limit} bytes")));
    }
    let line = str::from_utf8(line).map_err(|_invalid| (place, "it is not UTF-8".to_owned()))?;
    let (host, comment) = line.split_once('#').unwrap_or((line, ""));
    let host = host.trim();
    if host.is_empty() {
        return Ok(None);
    }
    Ok(Some(Row {
        place,
        host: host.to_owned(),
        severity: Stated::Nothing,
        comments: vec![comment.to_owned()],
        labels: Vec::new(),
    }))
}

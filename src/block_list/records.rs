//! Records of a table. `csv` takes them apart; where each begins and ends is decided here, because a
//! quote that is never closed would silently make one field of the rest of the file.

use csv::ReaderBuilder;

use super::Fault;

/// Record of a table.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// Line on which it begins.
    pub(super) line: usize,
    /// Text without the line end.
    pub(super) text: &'a [u8],
}

/// Splits a text into records: lines, but a line end between quotes belongs to its field. A line that
/// begins with `#` ends with the line, whatever its quotes.
pub(super) fn split(text: &[u8], delimiter: u8) -> Result<Vec<Record<'_>>, Fault> {
    let mut records = Vec::new();
    let (mut begin, mut line) = (0, 1);
    while begin < text.len() {
        let rest = text.get(begin..).unwrap_or_default();
        let (length, after) = match rest.trim_ascii_start().first() {
            Some(b'#') => line_end(rest),
            _ => record_end(rest, delimiter).map_err(|fault| fault.of(line))?,
        };
        let text = rest.get(..length).unwrap_or_default();
        if !text.trim_ascii().is_empty() {
            records.push(Record { line, text });
        }
        line += line_ends(rest.get(..after).unwrap_or_default());
        begin += after;
    }
    Ok(records)
}

/// Problem with the quotes of a record, and the part of it before that.
struct Quotes<'a> {
    before: &'a [u8],
    problem: &'static str,
}

impl Quotes<'_> {
    fn of(&self, line: usize) -> Fault {
        let line = line + line_ends(self.before);
        Fault::File(format!("is not a table: in line {line}, {}", self.problem))
    }
}

/// Length of the first line, and where the next one begins.
fn line_end(text: &[u8]) -> (usize, usize) {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(text.len());
    (end, end + end_length(text.get(end..).unwrap_or_default()))
}

/// Length of the line end at which a text begins, if it does.
fn end_length(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

fn line_ends(text: &[u8]) -> usize {
    let pairs = text.windows(2).filter(|pair| pair == b"\r\n").count();
    text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() - pairs
}

/// Length of the first record, and where the next one begins.
fn record_end(text: &[u8], delimiter: u8) -> Result<(usize, usize), Quotes<'_>> {
    let mut at = 0;
    loop {
        let field = text.get(at..).unwrap_or_default();
        at += match field.first() {
            Some(b'"') => quoted(text, at, delimiter)?,
            _ => field.iter().position(|byte| ends_field(*byte, delimiter)).unwrap_or(field.len()),
        };
        match text.get(at) {
            Some(byte) if *byte == delimiter => at += 1,
            _ => return Ok((at, at + end_length(text.get(at..).unwrap_or_default()))),
        }
    }
}

fn ends_field(byte: u8, delimiter: u8) -> bool {
    byte == delimiter || matches!(byte, b'\n' | b'\r')
}

/// Length of the quoted field that begins at a position, with the spaces behind it.
fn quoted(text: &[u8], begin: usize, delimiter: u8) -> Result<usize, Quotes<'_>> {
    let upto = |end| text.get(..end).unwrap_or_default();
    let mut at = begin + 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(quote) = rest.iter().position(|byte| *byte == b'"') else {
            let problem = "a quote is opened and never closed";
            return Err(Quotes { before: upto(begin), problem });
        };
        at += quote + 1;
        // Two quotes stand for one.
        if text.get(at) != Some(&b'"') {
            break;
        }
        at += 1;
    }
    let behind = text.get(at..).unwrap_or_default();
    at += behind.iter().take_while(|byte| **byte == b' ').count();
    match text.get(at) {
        Some(byte) if !ends_field(*byte, delimiter) => {
            Err(Quotes { before: upto(at), problem: "text follows a closing quote" })
        }
        _ => Ok(at - begin),
    }
}

/// Fields of a record. A record whose whole line is in quotes is unpacked first.
pub(super) fn fields(text: &str, delimiter: u8) -> Vec<String> {
    let fields = parse(text, delimiter);
    match fields.as_slice() {
        [only] if only.as_bytes().contains(&delimiter) => parse(only, delimiter),
        _ => fields,
    }
}

fn parse(text: &str, delimiter: u8) -> Vec<String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(text.len().max(1))
        .from_reader(text.as_bytes());
    match reader.records().next() {
        Some(Ok(record)) => record.iter().map(|field| unquoted(field).to_owned()).collect(),
        // The text is UTF-8 and in memory, and any number of fields is fine.
        Some(Err(_)) | None => Vec::new(),
    }
}

/// Field without spaces around it, and without the quotes that follow such a space.
fn unquoted(field: &str) -> &str {
    let plain = field.trim();
    let quoted = plain.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    quoted.filter(|_| field.starts_with(' ')).unwrap_or(plain)
}

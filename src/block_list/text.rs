//! Bytes that are no text, by what they look like.

use super::{FILE_MAX, Fault};
use crate::numbers::thousands;

/// First bytes of compressed files, and the program that unpacks each.
const COMPRESSED: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "gunzip"),
    (b"PK\x03\x04", "unzip"),
    (b"\xfd7zXZ", "unxz"),
    (b"BZh", "bunzip2"),
    (b"\x28\xb5\x2f\xfd", "unzstd"),
];

/// Text of a file without the byte order mark. Refuses what is certainly no list.
pub(super) fn of(bytes: &[u8]) -> Result<&[u8], Fault> {
    match refused(bytes) {
        Some(reason) => Err(Fault::File(reason)),
        None => Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
    }
}

fn refused(bytes: &[u8]) -> Option<String> {
    if bytes.len() > FILE_MAX {
        let limit = thousands(i64::try_from(FILE_MAX).unwrap_or(i64::MAX));
        return Some(format!("is larger than {limit} bytes: split the list"));
    }
    if let Some((_, program)) = COMPRESSED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(format!("is a compressed file, not a list: unpack it first, with {program}"));
    }
    let marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let nul = bytes.iter().position(|byte| *byte == 0);
    // Every other byte of a Latin text in UTF-16 is NUL.
    if marked || nul.is_some_and(|nul| nul < 2) {
        return Some("is UTF-16, not UTF-8: convert it first, with iconv -f UTF-16".to_owned());
    }
    if let Some(nul) = nul {
        let before = bytes.get(..nul).unwrap_or_default();
        let line = lines(before).count();
        return Some(format!("is not a text: it has a NUL byte in line {line}"));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.trim_ascii_start().starts_with(b"<").then(|| {
        "is an HTML page, not a list: download the list itself (often named \"raw\")".to_owned()
    })
}

/// Lines of a text with their numbers, however they end: LF, CR LF or CR.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some(text);
    let lines = std::iter::from_fn(move || {
        let all = rest?;
        let (line, after) = split_line(all);
        rest = after;
        Some(line)
    });
    (1..).zip(lines)
}

/// Splits a text at its first line end.
fn split_line(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
        return (text, None);
    };
    let (line, after) = text.split_at(end);
    let length = if after.starts_with(b"\r\n") { 2 } else { 1 };
    (line, after.get(length..))
}

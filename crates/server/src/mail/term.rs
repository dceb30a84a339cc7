//! Erlang's external term format, as far as a mail needs it (docs/semantics.md 5.5).

/// First byte of every encoded term.
const VERSION: u8 = 131;

/// Term of Erlang.
#[derive(Debug, Clone)]
pub(super) enum Term {
    /// Atom: a name that the server's program defines.
    Atom(&'static str),
    /// Text: a binary in UTF-8.
    Text(String),
    /// Tuple of two texts.
    Pair(String, String),
    /// List of terms.
    List(Vec<Self>),
    /// Map with atoms as keys, in the order given: Erlang sorts small ones by key.
    Map(Vec<(&'static str, Self)>),
}

/// Encodes a term, with the tags that the recorded servers (OTP 25) write; all later OTP releases
/// read them, too.
pub(super) fn encode(term: &Term) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    write(term, &mut bytes);
    bytes
}

fn write(term: &Term, bytes: &mut Vec<u8>) {
    match term {
        Term::Atom(name) => write_atom(name, bytes),
        Term::Text(text) => write_text(text, bytes),
        Term::Pair(first, second) => {
            bytes.extend([b'h', 2]);
            write_text(first, bytes);
            write_text(second, bytes);
        }
        Term::List(terms) => write_list(terms, bytes),
        Term::Map(entries) => {
            bytes.push(b't');
            bytes.extend(length(entries.len()));
            for (key, value) in entries {
                write_atom(key, bytes);
                write(value, bytes);
            }
        }
    }
}

fn write_atom(name: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'd');
    // Atoms are constants of this program, and short.
    bytes.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend(name.as_bytes());
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'm');
    bytes.extend(length(text.len()));
    bytes.extend(text.as_bytes());
}

fn write_list(terms: &[Term], bytes: &mut Vec<u8>) {
    if !terms.is_empty() {
        bytes.push(b'l');
        bytes.extend(length(terms.len()));
        for term in terms {
            write(term, bytes);
        }
    }
    // Empty list: a whole term, or the end of another list.
    bytes.push(b'j');
}

/// Length of a text in bytes; one of 4 GiB would not have come this far.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_written_as_the_format_says() {
        let term = Term::Map(vec![
            ("a", Term::List(Vec::new())),
            ("b", Term::List(vec![Term::Pair("ä".to_owned(), String::new())])),
            ("c", Term::Atom("nil")),
            ("d", Term::Text("x".to_owned())),
        ]);
        let expected: &[&[u8]] = &[
            b"\x83t\0\0\0\x04",
            b"d\0\x01aj",
            b"d\0\x01bl\0\0\0\x01h\x02m\0\0\0\x02\xc3\xa4m\0\0\0\0j",
            b"d\0\x01cd\0\x03nil",
            b"d\0\x01dm\0\0\0\x01x",
        ];
        assert_eq!(encode(&term), expected.concat());
    }
}

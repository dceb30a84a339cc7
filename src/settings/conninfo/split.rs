//! Splits a connection URL, or a list of `key=value`, as libpq does.
//!
//! One rule is stricter: an `@` after the one that ends user and password has to be written `%40`.
//! libpq takes it as part of a host or a database name. It nearly always belongs to a password that
//! was not encoded, and the rest of that password would end up in messages.

use std::{borrow::Cow, ops::Range};

use super::fault::Fault;

/// Schemes of a URL. Case-sensitive, as in libpq.
const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

/// Parameter with its value.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) name: Cow<'static, str>,
    pub(super) value: String,
    /// Position of the value in the text.
    pub(super) span: Range<usize>,
    /// Whether the name may be part of a misread password; messages omit it then.
    pub(super) doubtful: bool,
}

/// Splits the text into parameters. A later pair overrides an earlier one of the same name.
pub(super) fn split(text: &str) -> Result<Vec<Pair>, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::Empty);
    }
    match SCHEMES.iter().find(|scheme| text.starts_with(**scheme)) {
        Some(scheme) => Url { text, at: scheme.len(), pairs: Vec::new() }.split(),
        None if text.contains("://") && !text.contains('=') => Err(Fault::Scheme),
        None => Words { text, at: 0, pairs: Vec::new() }.split(),
    }
}

/// Parser of a URL.
struct Url<'a> {
    text: &'a str,
    at: usize,
    pairs: Vec<Pair>,
}

impl<'a> Url<'a> {
    fn split(mut self) -> Result<Vec<Pair>, Fault> {
        self.credentials()?;
        if self.text[self.at..].contains('@') {
            return Err(Fault::Unencoded);
        }
        self.hosts()?;
        if self.rest().starts_with('/') {
            self.at += 1;
            let name = self.until(&['?']);
            self.store("dbname", name)?;
        }
        if self.rest().starts_with('?') {
            self.at += 1;
            self.parameters()?;
        }
        Ok(self.pairs)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Advances to one of these characters, or to the end, and returns the range before it.
    fn until(&mut self, ends: &[char]) -> Range<usize> {
        let begin = self.at;
        self.at += self.rest().find(ends).unwrap_or(self.rest().len());
        begin..self.at
    }

    fn credentials(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let Some(end) = rest.find(['@', '/']).filter(|end| rest[*end..].starts_with('@')) else {
            return Ok(());
        };
        let end = self.at + end;
        let user = self.until(&[':', '@']);
        self.store("user", user)?;
        if self.rest().starts_with(':') {
            self.store("password", self.at + 1..end)?;
        }
        self.at = end + 1;
        Ok(())
    }

    /// Reads hosts and ports, each list with one comma fewer than there are hosts.
    fn hosts(&mut self) -> Result<(), Fault> {
        let begin = self.at;
        let (mut hosts, mut ports) = (String::new(), String::new());
        loop {
            if self.rest().starts_with('[') {
                self.at += 1;
                let address = self.until(&[']']);
                if address.is_empty() || !self.rest().starts_with(']') {
                    return Err(Fault::Brackets);
                }
                hosts.push_str(&self.text[address]);
                self.at += 1;
                if !(self.rest().is_empty() || self.rest().starts_with([':', '/', '?', ','])) {
                    return Err(Fault::Brackets);
                }
            } else {
                let host = self.until(&[':', '/', '?', ',']);
                hosts.push_str(&self.text[host]);
            }
            if self.rest().starts_with(':') {
                self.at += 1;
                let port = self.until(&['/', '?', ',']);
                ports.push_str(&self.text[port]);
            }
            if !self.rest().starts_with(',') {
                break;
            }
            self.at += 1;
            hosts.push(',');
            ports.push(',');
        }
        let span = begin..self.at;
        for (name, text) in [("host", hosts), ("port", ports)] {
            if !text.is_empty() {
                let value = decode(&text)?;
                self.pairs.push(Pair {
                    name: name.into(),
                    value,
                    span: span.clone(),
                    doubtful: true,
                });
            }
        }
        Ok(())
    }

    fn parameters(&mut self) -> Result<(), Fault> {
        while !self.rest().is_empty() {
            let begin = self.at;
            let whole = self.until(&['&']);
            let (name, value) = self.text[whole.clone()].split_once('=').ok_or(Fault::NoValue)?;
            if value.contains('=') {
                return Err(Fault::TwoValues);
            }
            let span = begin + name.len() + 1..whole.end;
            let (name, value) = (decode(name)?, decode(value)?);
            // Spelling of JDBC.
            let (name, value) = match (name.as_str(), value.as_str()) {
                ("ssl", "true") => ("sslmode".to_owned(), "require".to_owned()),
                _ => (name, value),
            };
            let doubtful =
                self.pairs.iter().any(|pair| super::is_secret(&pair.name) && pair.doubtful);
            self.pairs.push(Pair {
                doubtful: doubtful || super::is_secret(&name),
                name: name.into(),
                value,
                span,
            });
            self.at = (self.at + 1).min(self.text.len());
        }
        Ok(())
    }

    /// Stores a value unless it is empty.
    fn store(&mut self, name: &'static str, span: Range<usize>) -> Result<(), Fault> {
        let value = decode(&self.text[span.clone()])?;
        if !value.is_empty() {
            self.pairs.push(Pair { name: name.into(), value, span, doubtful: false });
        }
        Ok(())
    }
}

/// Decodes `%40` and the like.
fn decode(text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(Fault::Percent);
        };
        match u8::try_from(high * 16 + low) {
            Ok(0) | Err(_) => return Err(Fault::Percent),
            Ok(byte) => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_not_utf8| Fault::Percent)
}

/// Parser of a list of `key=value`.
struct Words<'a> {
    text: &'a str,
    at: usize,
    pairs: Vec<Pair>,
}

impl Words<'_> {
    fn split(mut self) -> Result<Vec<Pair>, Fault> {
        loop {
            self.skip_spaces();
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                return Ok(self.pairs);
            }
            let end = rest.find(|c: char| c == '=' || is_space(c)).ok_or(Fault::NoValue)?;
            let name = rest[..end].to_owned();
            self.at += end;
            self.skip_spaces();
            if !self.text[self.at..].starts_with('=') {
                return Err(Fault::NoValue);
            }
            self.at += 1;
            self.skip_spaces();
            let begin = self.at;
            let value = self.value()?;
            // Text after a password may be more of it.
            let doubtful = self.pairs.iter().any(|pair| super::is_secret(&pair.name));
            self.pairs.push(Pair { name: name.into(), value, span: begin..self.at, doubtful });
        }
    }

    fn skip_spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(is_space).len();
    }

    fn value(&mut self) -> Result<String, Fault> {
        let quoted = self.text[self.at..].starts_with('\'');
        self.at += usize::from(quoted);
        let mut value = String::new();
        let mut escaped = false;
        for c in self.text[self.at..].chars() {
            let ends = !escaped && if quoted { c == '\'' } else { is_space(c) };
            if ends {
                self.at += usize::from(quoted);
                return Ok(value);
            }
            self.at += c.len_utf8();
            if c == '\\' && !escaped {
                escaped = true;
                continue;
            }
            escaped = false;
            value.push(c);
        }
        if quoted { Err(Fault::Quote) } else { Ok(value) }
    }
}

/// Whether C's `isspace` accepts a character.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

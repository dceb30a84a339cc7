//! JSON list of objects: `GoToSocial`'s export and its blocked peers, and the list that Mastodon
//! publishes.

use serde::Deserialize;

use super::{
    Fault, Rows,
    json::{Object, parse},
    row::{Place, Row, Stated},
    severity::Severity,
};

/// Block of a domain. Other fields are ignored.
#[derive(Debug, Deserialize)]
struct Block {
    domain: String,
    severity: Option<String>,
    #[serde(default)]
    suspended_at: Time,
    #[serde(default)]
    silenced_at: Time,
    public_comment: Option<String>,
    private_comment: Option<String>,
    comment: Option<String>,
}

/// Time of a block, which may be `null`: then there is none.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<String>")]
enum Time {
    /// Nothing is said.
    #[default]
    Missing,
    /// There is explicitly none.
    None,
    /// There is one.
    Some,
}

impl From<Option<String>> for Time {
    fn from(time: Option<String>) -> Self {
        if time.is_some_and(|time| !time.is_empty()) { Self::Some } else { Self::None }
    }
}

impl Block {
    /// What it says about the severity, if it says anything.
    fn stated(&self) -> Option<Stated> {
        match &self.severity {
            Some(severity) => Some(Severity::stated(severity)),
            None => match (&self.suspended_at, &self.silenced_at) {
                (Time::Some, _) => Some(Stated::Severity(Severity::Suspend)),
                (_, Time::Some) => Some(Stated::Severity(Severity::Silence)),
                (Time::Missing, Time::Missing) => None,
                _ => Some(Stated::Empty),
            },
        }
    }
}

/// Reads a list.
pub(super) fn rows(text: &[u8]) -> Result<Rows, Fault> {
    let shape = "a list of objects with a \"domain\", as GoToSocial and Mastodon write it";
    let blocks: Vec<Object<Block>> = parse(text, shape)?;
    let lacks_severities = blocks.iter().all(|Object(block)| block.stated().is_none());
    let unstated = || if lacks_severities { Stated::Nothing } else { Stated::Empty };
    let rows = (1..).zip(blocks).map(|(number, Object(block))| {
        let severity = block.stated().unwrap_or_else(unstated);
        let comments = [block.public_comment, block.comment, block.private_comment];
        Ok(Row {
            place: Place::Entry(number),
            host: block.domain,
            severity,
            comments: comments.into_iter().flatten().collect(),
            labels: Vec::new(),
        })
    });
    Ok(Rows { rows: rows.collect(), lacks_severities })
}

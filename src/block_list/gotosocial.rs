//! JSON list of objects: `GoToSocial`'s export and its blocked peers, and the list that Mastodon
//! publishes.

use serde::{Deserialize, Deserializer};

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
    #[serde(default, deserialize_with = "stated")]
    suspended_at: Option<Option<String>>,
    #[serde(default, deserialize_with = "stated")]
    silenced_at: Option<Option<String>>,
    public_comment: Option<String>,
    private_comment: Option<String>,
    comment: Option<String>,
}

/// Distinguishes a field that is `null` from one that is missing.
fn stated<'de, D: Deserializer<'de>>(time: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(time).map(Some)
}

impl Block {
    /// What it says about the severity, if it says anything.
    fn stated(&self) -> Option<Stated> {
        let is_set = |at: &Option<Option<String>>| {
            at.as_ref().and_then(Option::as_ref).is_some_and(|at| !at.is_empty())
        };
        match &self.severity {
            Some(severity) => Some(Severity::stated(severity)),
            None if is_set(&self.suspended_at) => Some(Stated::Severity(Severity::Suspend)),
            None if is_set(&self.silenced_at) => Some(Stated::Severity(Severity::Silence)),
            None if self.suspended_at.is_some() || self.silenced_at.is_some() => {
                Some(Stated::Empty)
            }
            None => None,
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

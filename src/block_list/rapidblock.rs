//! `RapidBlock`'s JSON object: a decision per host.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Fault, Rows,
    json::{Object, Pairs, parse},
    row::{Place, Row, Stated},
};

/// The file. Other fields are ignored.
#[derive(Debug, Deserialize)]
struct File {
    blocks: Option<Pairs<Object<Decision>>>,
    /// What servers answer instead of a list.
    error: Option<Value>,
}

/// Decision about a host. Other fields are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    is_blocked: bool,
    reason: Option<String>,
    tags: Option<Vec<String>>,
}

/// Reads an object.
pub(super) fn rows(text: &[u8]) -> Result<Rows, Fault> {
    let shape = "an object with \"blocks\", as RapidBlock writes it";
    let Object(file): Object<File> = parse(text, shape)?;
    let Some(Pairs(blocks)) = file.blocks else {
        return Err(Fault::File(match file.error {
            Some(_) => "is a server's error message, not a list".to_owned(),
            None => format!("is JSON, but not {shape}"),
        }));
    };
    let rows = (1..).zip(blocks).map(|(number, (host, Object(decision)))| {
        Ok(Row {
            place: Place::Entry(number),
            host,
            severity: if decision.is_blocked { Stated::Nothing } else { Stated::NotBlocked },
            comments: decision.reason.into_iter().collect(),
            labels: decision.tags.unwrap_or_default(),
        })
    });
    Ok(Rows { rows: rows.collect(), lacks_severities: false })
}

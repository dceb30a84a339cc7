//! The rows that a measurement leaves: comparing two measurements is pointless if they do different
//! things.

use anyhow::{Result, bail};
use testkit::console::show;

use super::env::{BenchEnv, COPY};

/// Row counts and digests of the tables that are written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State(Vec<(String, i64, String)>);

impl State {
    /// Reads the state of the copy.
    pub(super) async fn read(env: &BenchEnv) -> Result<Self> {
        let mut db = env.connect(COPY).await?;
        Ok(Self(sqlx::query_as(include_str!("state.sql")).fetch_all(&mut db).await?))
    }

    /// Describes the first table that differs, with both row counts.
    fn first_difference(&self, other: &Self) -> Option<String> {
        let pairs = self.0.iter().zip(&other.0);
        let differing = pairs.clone().find(|(mine, theirs)| mine != theirs);
        if let Some((mine, theirs)) = differing {
            return Some(format!("{} has {} rows, {} has {}", mine.0, mine.1, theirs.0, theirs.1));
        }
        (self.0.len() != other.0.len()).then(|| "a table is empty in one of them".to_owned())
    }

    fn describe(&self) -> String {
        let tables = self.0.iter().map(|(name, rows, _)| format!("{name} {rows}"));
        tables.collect::<Vec<_>>().join(", ")
    }
}

/// Checks that the bare procedure and ostrakon left the same state.
pub(super) fn require_agreement(floor: &State, ostrakon: &State) -> Result<()> {
    if let Some(table) = floor.first_difference(ostrakon) {
        bail!("the end states of the floor and of ostrakon differ: {table}");
    }
    show(format!("Both end states agree: {}.", floor.describe()));
    Ok(())
}

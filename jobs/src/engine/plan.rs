//! What a job says about itself before it changes anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a job will touch, per kind.
#[derive(Debug)]
pub struct Plan<C> {
    /// Items per kind; their sum is the run's total.
    pub counts: Vec<Count>,
    /// What a person should know before saying yes.
    pub notes: Vec<String>,
    /// Where the first batch starts.
    pub cursor: C,
}

impl<C> Plan<C> {
    /// All items of all kinds.
    pub fn total(&self) -> i64 {
        self.counts.iter().map(|count| count.items).sum()
    }
}

impl<C: Serialize> Plan<C> {
    /// Forgets the type of the cursor.
    pub fn summary(&self) -> Result<PlanSummary, serde_json::Error> {
        Ok(PlanSummary {
            counts: self.counts.clone(),
            notes: self.notes.clone(),
            total: self.total(),
            cursor: serde_json::to_value(&self.cursor)?,
        })
    }
}

/// How many items of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The kind, in the plural, as a person says it: `posts`, `accounts`.
    pub kind: String,
    /// How many.
    pub items: i64,
}

impl Count {
    /// Counts `items` of a kind.
    pub fn new(kind: &str, items: i64) -> Self {
        Self { kind: kind.to_owned(), items }
    }
}

/// A plan whose cursor is plain JSON: what the ledger stores and a person is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Items per kind.
    pub counts: Vec<Count>,
    /// What a person should know before saying yes.
    pub notes: Vec<String>,
    /// All items of all kinds.
    pub total: i64,
    /// Where the first batch starts; not stored with the plan.
    #[serde(skip)]
    pub cursor: Value,
}

//! The plan: what a job reports before it changes anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a job will touch, per kind.
#[derive(Debug)]
pub struct Plan<C> {
    /// Items per kind; their sum is the run's total.
    pub counts: Vec<Count>,
    /// Notes for the operator to read before confirming.
    pub notes: Vec<String>,
    /// Start of the first batch.
    pub cursor: C,
}

impl<C> Plan<C> {
    /// Total number of items.
    pub fn total(&self) -> i64 {
        self.counts.iter().map(|count| count.items).sum()
    }
}

impl<C: Serialize> Plan<C> {
    /// Converts the cursor to plain JSON.
    pub fn summary(&self) -> Result<PlanSummary, serde_json::Error> {
        Ok(PlanSummary {
            counts: self.counts.clone(),
            notes: self.notes.clone(),
            total: self.total(),
            cursor: serde_json::to_value(&self.cursor)?,
        })
    }
}

/// Number of items of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Kind, as a plural noun: `posts`, `accounts`.
    pub kind: String,
    /// Number of items.
    pub items: i64,
}

impl Count {
    /// Creates a count of `items` of a kind.
    pub fn new(kind: &str, items: i64) -> Self {
        Self { kind: kind.to_owned(), items }
    }
}

/// A plan whose cursor is plain JSON: what the ledger stores and the operator is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Items per kind.
    pub counts: Vec<Count>,
    /// Notes for the operator to read before confirming.
    pub notes: Vec<String>,
    /// Total number of items.
    pub total: i64,
    /// Start of the first batch; not stored with the plan.
    #[serde(skip)]
    pub cursor: Value,
}

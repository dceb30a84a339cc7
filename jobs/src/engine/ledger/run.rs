//! The row of a run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;

use crate::engine::{PlanSummary, Status, step_of};

/// What an operator wants of a run that is being worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Control {
    /// Go on.
    Run,
    /// Stop at the end of the batch and wait for `resume`.
    Pause,
    /// Stop at the end of the batch, for good.
    Cancel,
}

/// A run as people and workers read it.
#[derive(Debug, Clone, FromRow)]
pub struct Run {
    /// ULID.
    pub id: String,
    /// [`Job::NAME`](super::super::Job::NAME).
    pub job: String,
    /// Name of the class, which names the queue.
    pub class: String,
    /// The typed job as JSON.
    pub payload: Value,
    /// What a person typed.
    pub subject: String,
    /// Where the run stands.
    pub status: Status,
    /// What an operator wants of it.
    pub control: Control,
    /// What the job said it would touch, when it was last planned.
    #[sqlx(json)]
    pub plan: PlanSummary,
    /// How far it got, as the job writes it down; unknown before the run was planned.
    pub cursor: Option<Value>,
    /// Items of the plan; unknown before the run was planned.
    pub total: Option<i64>,
    /// Items dealt with and committed.
    pub done: i64,
    /// Items left aside with a reason.
    pub parked: i64,
    /// Failed tries since the last committed batch.
    pub attempt: i32,
    /// The last failure with its chain of causes.
    pub last_error: Option<String>,
    /// The worker that holds or last held the lease.
    pub lease_owner: Option<String>,
    /// When the lease ends, by the database's clock.
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// How fast it may go; 1 is as fast as the settings let it.
    pub speed: f64,
    /// Whom it waits for while it is queued, or has waited for.
    pub waits_for: Option<String>,
    /// The check that throttles it now.
    pub throttle: Option<String>,
    /// Why.
    pub throttle_reason: Option<String>,
    /// Since when.
    pub throttled_at: Option<DateTime<Utc>>,
    /// For how many milliseconds it was throttled before.
    pub throttled_ms: i64,
    /// Who asked for it.
    pub requested_by: String,
    /// As which role of the database, which nobody can choose; unknown for runs of older versions.
    pub database_user: Option<String>,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// Not before this time.
    pub available_at: DateTime<Utc>,
    /// When a worker first claimed it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it succeeded, failed or was cancelled.
    pub finished_at: Option<DateTime<Utc>>,
    /// When the last delivery that it asked for is due; `None` while all were due at once.
    pub deliveries_until: Option<DateTime<Utc>>,
}

impl Run {
    /// What a job of several steps is doing, or was doing last.
    pub fn step(&self) -> Option<String> {
        self.cursor.as_ref().and_then(step_of)
    }

    /// Whom it waits for, while it does.
    pub fn waits_for(&self) -> Option<&str> {
        self.waits_for.as_deref().filter(|_| self.status == Status::Queued)
    }

    /// Why it is throttled, while it is.
    pub fn throttled(&self) -> Option<&str> {
        self.throttle_reason.as_deref().filter(|_| self.status == Status::Running)
    }
}

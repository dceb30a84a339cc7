//! A run's row in the ledger.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;

use crate::{PlanSummary, Status, step_of};

/// What the operator requests of a run that is being worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Control {
    /// Continue.
    Run,
    /// Stop at the end of the batch and wait for `resume`.
    Pause,
    /// Stop at the end of the batch, for good.
    Cancel,
}

/// A run, as operators and workers read it.
#[derive(Debug, Clone, FromRow)]
pub struct Run {
    /// ULID of the run.
    pub id: String,
    /// [`Job::NAME`](super::super::Job::NAME).
    pub job: String,
    /// Name of the class, which names the queue.
    pub class: String,
    /// ULID of the group that it belongs to, if it was requested together with others.
    pub group_id: Option<String>,
    /// The typed job as JSON.
    pub payload: Value,
    /// What the operator typed.
    pub subject: String,
    /// Status of the run.
    pub status: Status,
    /// What the operator requests of it.
    pub control: Control,
    /// What the job reported that it would touch, when it was last planned.
    #[sqlx(json)]
    pub plan: PlanSummary,
    /// Position, in the job's own format; `None` before the run is planned.
    pub cursor: Option<Value>,
    /// Items of the plan; `None` before the run is planned.
    pub total: Option<i64>,
    /// Items dealt with and committed.
    pub done: i64,
    /// Parked items.
    pub parked: i64,
    /// Failed tries since the last committed batch.
    pub attempt: i32,
    /// The last failure with its chain of causes.
    pub last_error: Option<String>,
    /// Worker that holds or last held the lease.
    pub lease_owner: Option<String>,
    /// End of the lease, by the database's clock.
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// Speed factor; 1 is the speed that the settings allow.
    pub speed: f64,
    /// What it waits for while it is queued, or waited for last.
    pub waits_for: Option<String>,
    /// Check that throttles it now.
    pub throttle: Option<String>,
    /// Reason why it is throttled now.
    pub throttle_reason: Option<String>,
    /// Time since when it is throttled.
    pub throttled_at: Option<DateTime<Utc>>,
    /// Total time that it was throttled before, in milliseconds.
    pub throttled_ms: i64,
    /// Operator who requested it.
    pub requested_by: String,
    /// Role that was logged in to the database, which nobody can choose; `None` for runs of older
    /// versions.
    pub database_user: Option<String>,
    /// Reason, if the operator gave one.
    pub reason: Option<String>,
    /// Time of the request.
    pub created_at: DateTime<Utc>,
    /// Earliest time for a worker to claim it.
    pub available_at: DateTime<Utc>,
    /// Time when a worker first claimed it.
    pub started_at: Option<DateTime<Utc>>,
    /// Time when it ended or was cancelled.
    pub finished_at: Option<DateTime<Utc>>,
    /// Time when the last delivery that it requested is due; `None` while all were due immediately.
    pub deliveries_until: Option<DateTime<Utc>>,
}

impl Run {
    /// Step of a job with several steps: the current one, or the latest.
    pub fn step(&self) -> Option<String> {
        self.cursor.as_ref().and_then(step_of)
    }

    /// What it waits for, while it does.
    pub fn waits_for(&self) -> Option<&str> {
        self.waits_for.as_deref().filter(|_| self.status == Status::Queued)
    }

    /// Reason why it is throttled, while it is.
    pub fn throttled(&self) -> Option<&str> {
        self.throttle_reason.as_deref().filter(|_| self.status == Status::Running)
    }
}

//! The engine: what a job is, the one loop that drives it, and the ledger that remembers it.
//!
//! It knows nothing of Pleroma. A job says what it would do ([`Job::plan`]), does a little of it in
//! a transaction ([`Job::batch`]) and recounts at the end ([`Job::finish`]). Everything else
//! (checkpoints, leases, retries, parking, progress) belongs to the loop in [`drive`].

#[cfg(test)]
mod bad_rows;
mod between_batches;
mod class;
mod closing;
mod connection;
mod counting;
mod drive;
mod error;
mod failing;
pub mod failpoint;
mod job;
mod lease;
pub mod ledger;
mod list;
mod maintenance;
#[cfg(test)]
mod model;
mod pacing;
mod parked;
mod plan;
mod progress;
mod retry;
mod server_queues;
mod setback;
mod status;
mod throttle;
mod transaction;
mod wire;

pub use class::Class;
pub use closing::{Left, Recount};
pub use connection::{OWN_SESSION, Settled, own, settle, shares_sessions};
pub use drive::{Driver, Ended, drive};
pub use error::JobError;
pub use failpoint::FailPoint;
pub use job::{Batch, Job, Parking, Skipped, Wait};
pub use ledger::Lease;
pub use list::List;
pub(crate) use maintenance::tables;
pub use maintenance::{Analyzed, MAINTENANCE, Maintenance, Table, TableMaintenance, maintain};
pub use pacing::BatchSettings;
pub use plan::{Count, Plan, PlanSummary};
pub use progress::{Meter, Progress, deliveries_note, step_of};
pub use retry::RetrySettings;
pub use server_queues::{Backlog, ServerQueues};
pub use status::Status;
pub use throttle::{InvalidWindow, ThrottleCheck, ThrottleSettings, Throttled, Window};
pub use transaction::{answered, begin, hurry, is_idle, watch_client};
pub use wire::{Unreadable, read};

//! The engine: what a job is, the one loop that drives it, and the ledger that remembers it.
//!
//! It knows nothing of any server. A job says what it would do ([`Job::plan`]), does a little of it in
//! a transaction ([`Job::batch`]) and recounts at the end ([`Job::finish`]). Everything else
//! (checkpoints, leases, retries, parking, progress) belongs to the loop, [`drive`].

mod batch_settings;
mod class;
mod connection;
mod error;
pub mod failpoint;
mod job;
pub mod ledger;
mod list;
mod maintenance;
#[cfg(test)]
mod model;
mod plan;
mod progress;
mod retry;
mod row_job;
mod run_loop;
mod server_queues;
mod status;
mod table;
mod throttle;
mod transaction;
mod wire;

pub use batch_settings::BatchSettings;
pub use class::Class;
pub use connection::{OWN_SESSION, Settled, own, settle, shares_sessions};
pub use error::{JobError, STATEMENT_TIMEOUT};
pub use failpoint::FailPoint;
pub use job::{Batch, Job, Left, Parking, Recount, Skipped, Wait};
pub use ledger::Lease;
pub use list::List;
pub use maintenance::{Analyzed, MAINTENANCE, Maintenance, TableMaintenance, maintain};
pub use plan::{Count, Plan, PlanSummary};
pub use progress::{Meter, Progress, deliveries_note, step_of};
pub use retry::RetrySettings;
pub use row_job::{Next, RowCursor, RowJob, Rows};
pub use run_loop::{Driver, Ended, drive};
pub use server_queues::{Backlog, NoQueues, ServerQueues};
pub use status::Status;
pub use table::Table;
pub use throttle::{InvalidWindow, ThrottleCheck, ThrottleSettings, Throttled, Window};
pub use transaction::{answered, begin, is_idle, shorten_lock_timeout, watch_client};
pub use wire::{Unreadable, read};

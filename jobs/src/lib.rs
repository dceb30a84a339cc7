//! Library of ostrakon's jobs: what a job is, and one folder per job.
//!
//! Imports go one way: the jobs use [`pleroma`] (what we know of the server's database) and
//! [`engine`] (the loop and the ledger), and neither of those depends on a job. Nothing here
//! depends on the queue: this crate has no Redis.

mod claim_cache;
pub mod deactivate_instance;
pub mod delete_activities;
pub mod delete_user;
pub mod engine;
mod grants;
pub mod pleroma;
mod registry;
mod server_queues;
pub mod set_confirmation_for_all;
pub mod switch_user;

pub use deactivate_instance::DeactivateInstance;
pub use delete_activities::DeleteActivities;
pub use delete_user::DeleteUser;
pub use grants::grants;
pub use registry::{AnyJob, UnknownJob};
pub use set_confirmation_for_all::{ConfirmAll, UnconfirmAll};
pub use switch_user::{ActivateUser, DeactivateUser};

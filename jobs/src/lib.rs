//! The jobs of ostrakon: one folder per job, and their list.
//!
//! A job uses [`ostrakon_server`] (what we know of the server's database) and [`ostrakon_engine`]
//! (the loop and the ledger), which know neither each other nor any job.

mod any_job;
pub mod deactivate_instance;
pub mod delete_activities;
pub mod delete_user;
mod grants;
mod open_reports;
mod orphans;
pub mod prune_activities;
pub mod prune_objects;
pub mod purge_instance;
pub mod repair_counters;
mod server_queues;
pub mod set_confirmation_for_all;
pub mod switch_user;

pub use any_job::UnknownJob;
pub use deactivate_instance::DeactivateInstance;
pub use delete_activities::DeleteActivities;
pub use delete_user::DeleteUser;
pub use grants::grants;
pub use prune_activities::PruneActivities;
pub use prune_objects::PruneObjects;
pub use purge_instance::PurgeInstance;
pub use repair_counters::RepairCounters;
pub use server_queues::ObanQueues;
pub use set_confirmation_for_all::{ConfirmAll, UnconfirmAll};
pub use switch_user::{ActivateUser, DeactivateUser};

any_job::jobs!(
    DeleteActivities,
    DeleteUser,
    ActivateUser,
    DeactivateUser,
    DeactivateInstance,
    ConfirmAll,
    UnconfirmAll,
    RepairCounters,
    PruneActivities,
    PruneObjects,
    PurgeInstance,
);

//! What kenoma knows of the server's database.
//!
//! The rules are those of the project's `docs/semantics.md`; comments name its sections.

mod activation;
mod actor;
mod addressing;
mod flake;
mod flavour;
mod oban;
mod server;

pub use activation::{
    Activation, count_followers, count_following, count_relations, set_activation,
};
pub use actor::{Actor, find_actor, find_actor_by_ap_id};
pub use addressing::{Addressing, Recipients, as_public};
pub use flake::{Flake, FlakeSource};
pub use flavour::{AssociatedObject, Flavour, Pins, ProbeError, Shape, probe};
pub use oban::{ObanJob, insert_oban_jobs};
pub use server::{Refresh, Search, Server, ServerSwitches, open};

//! What kenoma knows of the server's database.
//!
//! The rules are those of the project's `docs/semantics.md`; comments name its sections.

mod activation;
mod actor;
mod addressing;
mod confirmation;
mod email;
mod fanout;
mod flake;
mod flavour;
mod moderation_log;
mod oban;
mod password_reset;
mod refresh;
mod registration;
mod server;
mod sign_out;
mod token;

pub use activation::{
    Activation, count_followers, count_following, count_relations, set_activation,
};
pub use actor::{Actor, find_actor, find_actor_by_ap_id};
pub use addressing::{Addressing, Recipients, as_public};
pub use confirmation::{is_confirmed, set_confirmation};
pub use email::{is_blacklisted, valid_email};
pub use fanout::Fanout;
pub use flake::{Flake, FlakeSource};
pub use flavour::{AssociatedObject, Flavour, Pins, ProbeError, Shape, probe};
pub use moderation_log::{
    Deed, Person, find_staff, find_staff_by_id, log_moderation, log_moderation_for,
};
pub use oban::{ObanJob, insert_oban_jobs};
pub use password_reset::create_password_reset;
pub use refresh::{Changed, refresh_accounts, refresh_again, stale_counters_note, stale_note};
pub use registration::Registration;
pub use server::{Federation, Refresh, Search, Server, ServerSwitches, open};
pub use sign_out::{SignedOut, sign_out};
pub use token::random_token;

//! What ostrakon knows of the server's database: dialects, accounts, relations, federation, the
//! server's queue.
//!
//! The rules are those of the project's `docs/semantics.md`; comments name its sections.

mod accounts;
mod activation;
mod actor;
mod addressing;
mod confirmation;
mod counters;
mod deliveries;
mod dialect;
mod email;
mod fanout;
mod flake;
mod follow_repair;
mod follow_request;
mod invite;
mod keys;
mod mail;
mod mfa;
mod migrations;
mod missing_indexes;
mod moderation_log;
mod oban;
mod password;
mod password_reset;
mod publish;
mod refresh;
mod registration;
mod roles;
mod selection;
mod server;
mod sign_out;
mod tags;
mod token;

pub use accounts::{AccountDetails, AccountFilter, ListedAccount, account_details, list_accounts};
pub use activation::{
    Activation, count_followers, count_following, count_relations, set_activation,
};
pub use actor::{Actor, find_actor, find_actor_by_ap_id};
pub use addressing::{Recipients, as_public};
pub use confirmation::{is_confirmed, set_confirmation};
#[doc(hidden)]
pub use const_format;
pub use counters::{
    Counters, Examined, HostCounters, WrongCounters, WrongHost, examine_counters, examine_hosts,
    newest_account, repair_as_counted, repair_counters, repair_hosts,
};
pub use deliveries::{
    Backlog, Deliveries, backlog, insert_deliveries, lost_deliveries_note, spread_note,
};
pub use dialect::{
    AccountCache, AccountColumns, ActivationJob, Argon2Login, AssociatedObject, AttachmentJob,
    DIALECTS, DeliveryJob, Detected, Dialect, Differences, EmptiedColumns, IndexJob, LastUse,
    LocalAddresses, LoweredReplies, NewerRelease, NicknameIndex, Pins, ProbeError, Probed,
    PublishJob, Quarantine, RecipientsForm, RemovalJob, Right, SearchJob, TaskOutput, UndoneFollow,
    Unreachable, probe,
};
pub use email::{EmailChange, change_email, is_blacklisted, valid_email};
pub use fanout::{Fanout, FollowerInboxes, Outgoing, count_inboxes, fan_out, followers_address};
pub use flake::{Flake, FlakeSource, FlakesBefore, NoFlake};
pub use follow_repair::{LatestFollow, latest_follow, reject_follow};
pub use follow_request::{FollowState, follow_state, forget_request};
pub use invite::{Invite, create_invite, list_invites, revoke_invites};
pub use keys::{KeyError, KeyPair, generate_keys};
pub use mfa::reset_mfa;
pub use migrations::{Migrations, applied_migrations};
pub use missing_indexes::{missing_index_notes, missing_object_index_notes};
pub use moderation_log::{
    ModerationAction, Person, find_staff, log_moderation, log_moderation_for,
};
pub use oban::{DELIVERIES, Document, ObanJob, insert_oban_jobs, oldest_due_job};
pub use password::{HashError, PasswordScheme, hash_password, random_password};
pub use password_reset::create_password_reset;
pub use publish::publish_job;
pub use refresh::{
    AccountRow, Changed, PendingRefreshes, refresh_accounts, refresh_again, refresh_rows,
    stale_counters_note, stale_note,
};
pub use registration::{
    Candidate, ConfirmationMail, CreateError, Fault, NewAccount, RegistrationSettings, Welcome,
    create_account, give_roles, nickname_fault, send_confirmation, welcome,
};
pub use roles::{Role, is_last_admin, set_role};
pub use selection::{
    AccountName, CannotSelect, Selected, SelectedAccount, Selectors, count_local_accounts, digest,
    find_named, matching_accounts, no_longer_matching, select_accounts,
};
pub use server::{
    Configuration, FederationSettings, OnlyRead, Refresh, Search, Server, ServerSettings, open,
    published_now,
};
pub use sign_out::{SignedOut, sign_out};
pub use tags::{Tags, normal_tag, read_tags, tag_fault, write_tags};
pub use token::random_token;

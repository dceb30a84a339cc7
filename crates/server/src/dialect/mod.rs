//! What differs between servers: one value per server, each difference a named fact.
//!
//! Nothing outside this folder compares a dialect with another one, or asks for its name: it asks
//! for a fact. So a new server is a file here and nothing else. Pleroma 2.2, 2.6, 2.7 and Akkoma
//! 3.16 answer every fact; each other file states in what it differs from one of them. The
//! alternative was a comparison with the server's name where each difference matters; a new release
//! then meant to find and to understand all of them.
//!
//! The sources of the facts are the recordings and docs/semantics.md.

mod akkoma_3_10;
mod akkoma_3_15;
mod akkoma_3_16;
mod akkoma_3_20;
mod catalogue;
mod columns;
mod detect;
mod facts;
mod pleroma;
mod pleroma_2_10;
mod pleroma_2_2;
mod pleroma_2_4;
mod pleroma_2_5;
mod pleroma_2_6;
mod pleroma_2_7;
mod pleroma_develop;
mod rebased;
mod rights;
mod shape;
mod statement;
#[cfg(test)]
mod tests;

use std::fmt;

pub use detect::{Detected, NewerRelease, ProbeError, Probed, probe};
pub use facts::{
    AccountCache, AccountColumns, ActivationJob, Argon2Login, AssociatedObject, AttachmentJob,
    DeliveryJob, EmptiedColumns, IndexJob, LastUse, LocalAddresses, LoweredReplies, NicknameIndex,
    Pins, PublishJob, Quarantine, RecipientsForm, RemovalJob, SearchJob, TaskOutput, UndoneFollow,
    Unreachable,
};
pub use rights::Right;
pub(crate) use rights::rights;
pub use shape::Differences;

use super::PasswordScheme;

/// All servers that ostrakon knows.
pub const DIALECTS: [&Dialect; 12] = [
    &pleroma_2_2::DIALECT,
    &pleroma_2_4::DIALECT,
    &pleroma_2_5::DIALECT,
    &pleroma_2_6::DIALECT,
    &pleroma_2_7::DIALECT,
    &pleroma_2_10::DIALECT,
    &pleroma_develop::DIALECT,
    &rebased::DIALECT,
    &akkoma_3_10::DIALECT,
    &akkoma_3_15::DIALECT,
    &akkoma_3_16::DIALECT,
    &akkoma_3_20::DIALECT,
];

/// Facts about one server, or about several releases that do not differ in any of them.
#[derive(Debug)]
pub struct Dialect {
    /// Name in JSON, logs and tests: `pleroma-2.7`.
    pub name: &'static str,
    /// Name in messages: `Pleroma 2.7 to 2.9`.
    pub title: &'static str,

    // How it is recognised, and what its database has.
    /// Objects of the catalogue that every database of this server has.
    present: &'static [&'static str],
    /// Objects of the catalogue that no database of this server has.
    absent: &'static [&'static str],
    /// No release of this dialect has a migration with a higher version. What has one is compared
    /// with the releases that are known, object by object. Where its last release is not known to
    /// the day, this is the last version before the next dialect's signs: nobody is compared with a
    /// reconstructed schema without need.
    newest_migration: i64,
    /// Versions of the table `oban_jobs` that its releases have; empty if they do not matter.
    oban_versions: &'static [i32],
    /// Columns of `users` besides those that all servers have, separated by blanks.
    user_columns: &'static str,
    /// Privileges that its statements need besides those that all servers' need.
    rights: &'static [Right],
    /// Columns that statements of other releases need, each with its table: these need not exist.
    optional_columns: &'static [(&'static str, &'static str)],
    /// How the state of an account is stored.
    pub account_columns: AccountColumns,
    /// Columns that a removal of an account empties besides those of all servers, and the values
    /// that they get.
    pub emptied_columns: EmptiedColumns,
    /// Expression in the index of activities by their object.
    pub associated_object: AssociatedObject,
    /// Accounts whose last use is stored.
    pub last_use: LastUse,
    /// Column in which pins are stored.
    pub pins: Pins,
    /// Whether the tables of hashtags exist.
    pub hashtags: bool,
    /// Whether chats exist, and their messages can be deleted.
    pub chats: bool,
    /// Whether staff have notifications of reports, which they lose with their role.
    pub report_notifications: bool,

    // Activities that the server writes.
    /// Form of the recipients of a Delete or Undo.
    pub recipients: RecipientsForm,
    /// Whether a conversation has a row, whose number activities repeat as `context_id`.
    pub context_ids: bool,
    /// What becomes of a Follow that is taken back.
    pub undone_follow: UndoneFollow,
    /// Whether the Delete of a removed account, and those of its posts, name a deleted activity.
    pub names_deleted_activity: bool,
    /// Whether an address that is none keeps a post from being deleted.
    pub validates_addresses: bool,
    /// Replies that a deletion subtracts from the counter of the post to which they reply.
    pub lowered_replies: LoweredReplies,
    /// Whether a deletion subtracts quotes; only public ones, if that is so of replies.
    pub lowers_quotes: bool,
    /// Whether anything of a deactivated local account can be deleted.
    pub deletes_of_inactive: bool,

    // Jobs that the server is given.
    /// Whether a deletion schedules the post's expiration again.
    pub reschedules_expiration: bool,
    /// Queue in which posts expire.
    pub expiration_queue: &'static str,
    /// Job that removes the files of a deleted post.
    pub attachment_job: AttachmentJob,
    /// Whether files of deleted posts are removed, unless it is configured otherwise.
    pub cleanup_attachments: bool,
    /// When a deletion gets a job that removes the post from the search index.
    pub search_job: SearchJob,
    /// Job that a new activity gets for the search.
    pub index_job: IndexJob,
    /// Arguments of the job that federates an activity.
    pub publish_job: PublishJob,
    /// Arguments of the job that delivers an activity to one inbox.
    pub delivery_job: DeliveryJob,
    /// Whether deliveries have priorities.
    pub delivery_priorities: bool,
    /// Number of times that a delivery is attempted.
    pub delivery_attempts: i32,
    /// Which unreachable hosts get no deliveries.
    pub unreachable: Unreachable,
    /// What hosts in `federation.quarantined_instances` get.
    pub quarantine: Quarantine,
    /// Whether the context of a document names the term `htmlMfm`.
    pub html_mfm: bool,
    /// Queue of mails, and the number of attempts; `None` if the server sends none to new accounts.
    pub mail_job: Option<(&'static str, i32)>,

    /// Days after which the server itself removes Deletes, Undos and tombstones, those of local
    /// accounts included; `None` if it keeps these, as it does unless it is configured otherwise.
    pub prunes_after_days: Option<u32>,

    // Pruning (docs/semantics.md 12).
    /// Whether, of orphaned activities with a list of objects, the original prunes reports only,
    /// those of local accounts included; otherwise all of other servers.
    pub prunes_reports: bool,
    /// Whether the original keeps pinned objects, unless it is told otherwise.
    pub keeps_pinned: bool,
    /// Whether the original counts replies again after it has pruned, unless it is told otherwise.
    pub counts_replies: bool,

    // What the running server remembers.
    /// How long it keeps accounts in memory, so that a change needs a reload.
    pub account_cache: AccountCache,
    /// Whether a job exists that reloads an account without profile fields.
    pub reloads_fieldless: bool,
    /// Job that activates or deactivates an account.
    pub activation_job: ActivationJob,
    /// Job by which the running server itself removes an account, and drops it from its memory.
    pub removal_job: RemovalJob,

    // Accounts.
    /// Whether the deactivation of an inactive account repeats its effects.
    pub repeats_deactivation: bool,
    /// Whether inactive followers count.
    pub counts_inactive_followers: bool,
    /// Whether the row of an unconfirmed account goes with it even if no confirmation is required.
    pub removes_unconfirmed: bool,
    /// Whether the task that creates an account also confirms its address.
    pub confirms_new_accounts: bool,
    /// Addresses of a new account.
    pub local_addresses: LocalAddresses,
    /// Index in which nicknames are looked up.
    pub nickname_index: NicknameIndex,
    /// Whether a new account gets its keys immediately.
    pub makes_keys: bool,
    /// Whether reserved nicknames are compared without regard to case.
    pub restricted_in_any_case: bool,
    /// Path of the page on which a password is reset, without the token.
    pub password_reset_path: &'static str,
    /// Password hash that the server itself makes: with any other it would hash again at the next
    /// login, which ends the account's other sessions.
    pub password_scheme: PasswordScheme,
    /// Whether its login accepts argon2.
    pub argon2_login: Argon2Login,
    /// Words in which the original's tasks report.
    pub task_output: TaskOutput,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title)
    }
}

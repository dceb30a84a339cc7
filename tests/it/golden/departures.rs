//! Where ostrakon departs from the recordings on purpose.

use testkit::Flavour;

/// Recordings that ostrakon departs from on purpose, with the entry of docs/differences.md. A
/// snapshot next to this file has the exact difference.
pub(super) const DIFFERENT: &[(Flavour, &str)] = &[
    // The original crashes; ostrakon deletes these posts as well.
    (Flavour::Pleroma, "da_embedded_object"),
    (Flavour::Akkoma, "da_embedded_object"),
    (Flavour::Pleroma22, "da_embedded_object"),
    (Flavour::Pleroma22, "da_duplicate_create"),
    // The original crashes; ostrakon keeps a hashtag that an account follows, and continues.
    (Flavour::Akkoma, "da_hashtag_followed"),
    (Flavour::Akkoma, "da_hashtag_followed_twice"),
    // The same rows; but ostrakon names what is left, and the exit code shows it.
    (Flavour::Pleroma, "da_liked_object_pruned"),
    (Flavour::Akkoma, "da_liked_object_pruned"),
    (Flavour::Pleroma22, "da_liked_object_pruned"),
    (Flavour::Pleroma22, "da_invalid_recipient"),
    // The original leaves jobs with which its server notifies no other server.
    (Flavour::Pleroma, "da_deactivated_user"),
    (Flavour::Akkoma, "da_deactivated_user"),
    // The original does nothing and claims success.
    (Flavour::Pleroma22, "da_deactivated_user"),
    // The original's task omits the jobs that its running server would insert.
    (Flavour::Akkoma, "da_search_meilisearch"),
    // The original cannot remove an inactive account.
    (Flavour::Pleroma, "rm_inactive"),
    (Flavour::Akkoma, "rm_inactive"),
    (Flavour::Pleroma22, "rm_inactive"),
    (Flavour::Pleroma22, "rm_remote_job_inactive_local"),
    // The original's job dies. The same rows; but ostrakon names what stays, and the exit code
    // shows it.
    (Flavour::Akkoma, "rm_unconfirmed_with_report_note"),
    // One host, named exactly; one line at the end.
    (Flavour::Pleroma, "deactivate_all_from_instance"),
    (Flavour::Akkoma, "deactivate_all_from_instance"),
    (Flavour::Pleroma22, "deactivate_all_from_instance"),
    (Flavour::Pleroma, "deactivate_all_from_instance_empty"),
    (Flavour::Akkoma, "deactivate_all_from_instance_empty"),
    (Flavour::Pleroma22, "deactivate_all_from_instance_empty"),
    (Flavour::Pleroma, "deactivate_all_from_instance_wildcards"),
    (Flavour::Akkoma, "deactivate_all_from_instance_wildcards"),
    (Flavour::Pleroma22, "deactivate_all_from_instance_wildcards"),
    // Deactivated accounts are left alone, as in the manual and in Pleroma 2.2.
    (Flavour::Pleroma, "confirm_all"),
    (Flavour::Akkoma, "confirm_all"),
    (Flavour::Pleroma, "unconfirm_all"),
    (Flavour::Akkoma, "unconfirm_all"),
    // The original's address has no host (D31).
    (Flavour::Akkoma, "reset_password"),
    // The original crashes (D32).
    (Flavour::Akkoma, "reset_mfa_null_column"),
    // The original reports a changed address and has changed nothing, whatever the address (D33).
    (Flavour::Akkoma, "change_email"),
    (Flavour::Akkoma, "change_email_empty"),
    (Flavour::Akkoma, "change_email_invalid"),
    (Flavour::Akkoma, "change_email_remote"),
    (Flavour::Akkoma, "change_email_unknown"),
    // The original prints the whole row, hashes included (D34).
    (Flavour::Akkoma, "show"),
    // A no has its own exit code; on Pleroma 2.2 the default was yes.
    (Flavour::Pleroma, "new_prompt_no"),
    (Flavour::Akkoma, "new_prompt_no"),
    (Flavour::Pleroma22, "new_prompt_no"),
    (Flavour::Pleroma22, "new_prompt_yes"),
    // The whole address, not only its path.
    (Flavour::Akkoma, "new_generated_password"),
];

/// Recordings in which the original is killed half-way. They have no end to compare with, only rows
/// that must not be left; another test checks those.
pub(super) const GIVEN_UP: &[&str] = &["rm_job_cut_off"];

/// Recordings of what no command of ostrakon does.
pub(super) const NO_COMMAND: &[&str] = &[
    // What a running server does with jobs in its queue.
    "jobs_",
    // A task that is not about accounts.
    "blocking",
    // The original crashes without a mailer; ostrakon queues the mail (D66).
    "send_confirmation_mailer_off",
];

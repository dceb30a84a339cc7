//! `ostrakon user`: the original's subcommands, in its spelling.

mod change_email;
mod confirm;
mod confirm_all;
mod convert_id;
pub(super) mod date;
mod deactivate_instance;
mod delete_activities;
mod fix_follow_state;
mod forget_follow_request;
mod inspect;
mod invite;
mod invites;
mod list;
mod many;
mod new;
mod quick_change;
mod reset_mfa;
mod reset_password;
mod rm;
mod send_confirmation;
mod set;
mod show;
mod sign_out;
mod switch;
mod tag;
mod toggle_confirmed;

use self::{switch::Switch, tag::TagChange};
use clap::Subcommand;

use super::{Failure, Output};
use crate::{session::Session, settings::Settings};

/// Commands about accounts.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Create an account.
    New(new::Options),
    /// List the accounts of this server.
    List(list::Options),
    /// Show an account: roles, state, counters.
    Show(show::Options),
    /// Set an account's roles, lock and confirmation.
    Set(set::Options),
    /// Add tags to an account.
    #[command(after_help = "Example: ostrakon user tag alice mrf_tag:media-force-nsfw")]
    Tag(tag::Options),
    /// Remove tags from an account.
    #[command(after_help = "Example: ostrakon user untag alice mrf_tag:media-force-nsfw")]
    Untag(tag::Options),
    /// Activate an account.
    #[command(after_help = "Example: ostrakon user activate alice")]
    Activate(switch::ManyOptions),
    /// Deactivate an account; it stops following local accounts.
    #[command(after_help = "Example: ostrakon user deactivate mallory@spam.example --reason spam")]
    Deactivate(switch::ManyOptions),
    /// Deactivate an active account, activate an inactive one.
    #[command(
        alias = "toggle-activated",
        after_help = "Example: ostrakon user toggle_activated alice"
    )]
    ToggleActivated(switch::Options),
    /// Confirm an account's e-mail address.
    Confirm(confirm::Options),
    /// Confirm an unconfirmed e-mail address; unconfirm a confirmed one.
    #[command(alias = "toggle-confirmed")]
    ToggleConfirmed(toggle_confirmed::Options),
    /// Send an unconfirmed account its confirmation mail again.
    #[command(alias = "send-confirmation")]
    SendConfirmation(send_confirmation::Options),
    /// Change an account's e-mail address.
    #[command(alias = "change-email")]
    ChangeEmail(change_email::Options),
    /// Create a password-reset link.
    #[command(alias = "reset-password")]
    ResetPassword(reset_password::Options),
    /// Disable an account's second factor.
    #[command(alias = "reset-mfa")]
    ResetMfa(reset_mfa::Options),
    /// Sign an account out of all apps.
    #[command(alias = "sign-out")]
    SignOut(sign_out::Options),
    /// Remove an account and everything it did; notify other servers.
    Rm(rm::Options),
    /// Delete everything a local account has posted, liked and boosted.
    #[command(alias = "delete-activities")]
    DeleteActivities(delete_activities::Options),
    /// Deactivate all accounts of an instance.
    #[command(alias = "deactivate-all-from-instance")]
    DeactivateAllFromInstance(deactivate_instance::Options),
    /// Confirm the e-mail addresses of active local accounts, except staff.
    #[command(alias = "confirm-all", after_help = "Example: ostrakon user confirm_all --dry-run")]
    ConfirmAll(confirm_all::Confirm),
    /// Unconfirm the addresses of active local accounts, except staff.
    #[command(
        alias = "unconfirm-all",
        after_help = "Example: ostrakon user unconfirm_all --dry-run"
    )]
    UnconfirmAll(confirm_all::Unconfirm),
    /// Create an invite link for a new account.
    Invite(invite::Options),
    /// List all invites.
    #[command(after_help = "Example: ostrakon user invites --json")]
    Invites,
    /// Revoke an invite.
    #[command(alias = "revoke-invite")]
    RevokeInvite(invites::RevokeOptions),
    /// Reject a follow that counts as accepted but has no relation.
    #[command(alias = "fix-follow-state")]
    FixFollowState(fix_follow_state::Options),
    /// Delete a follow request that a remote server never answered.
    #[command(alias = "forget-follow-request")]
    ForgetFollowRequest(forget_follow_request::Options),
    /// Convert an id between its two forms, flake and UUID.
    #[command(alias = "convert-id")]
    ConvertId(convert_id::Options),
}

/// Executes a subcommand; connects only if it needs the database.
pub(super) async fn run(
    command: Command,
    settings: Settings,
    output: Output,
) -> Result<(), Failure> {
    if let Command::ConvertId(options) = &command {
        return convert_id::run(options, output);
    }
    let session = Session::connect(settings).await?;
    match command {
        Command::New(options) => new::run(&options, &session, output).await,
        Command::List(options) => list::run(&options, &session, output).await,
        Command::Show(options) => show::run(&options, &session, output).await,
        Command::Set(options) => set::run(&options, &session, output).await,
        Command::Tag(options) => tag::run(TagChange::Add, &options, &session, output).await,
        Command::Untag(options) => tag::run(TagChange::Remove, &options, &session, output).await,
        Command::Activate(options) => {
            switch::run(Switch::Activate, &options, &session, output).await
        }
        Command::Deactivate(options) => {
            switch::run(Switch::Deactivate, &options, &session, output).await
        }
        Command::ToggleActivated(options) => switch::toggle(&options, &session, output).await,
        Command::Confirm(options) => confirm::run(&options, &session, output).await,
        Command::ToggleConfirmed(options) => {
            toggle_confirmed::run(&options, &session, output).await
        }
        Command::SendConfirmation(options) => {
            send_confirmation::run(&options, &session, output).await
        }
        Command::ChangeEmail(options) => change_email::run(&options, &session, output).await,
        Command::ResetPassword(options) => reset_password::run(&options, &session, output).await,
        Command::ResetMfa(options) => reset_mfa::run(&options, &session, output).await,
        Command::SignOut(options) => sign_out::run(&options, &session, output).await,
        Command::Rm(options) => rm::run(&options, &session, output).await,
        Command::DeleteActivities(options) => {
            delete_activities::run(&options, &session, output).await
        }
        Command::DeactivateAllFromInstance(options) => {
            deactivate_instance::run(&options, &session, output).await
        }
        Command::ConfirmAll(options) => confirm_all::confirm(&options, &session, output).await,
        Command::UnconfirmAll(options) => confirm_all::unconfirm(&options, &session, output).await,
        Command::Invite(options) => invite::run(&options, &session, output).await,
        Command::Invites => invites::list(&session, output).await,
        Command::RevokeInvite(options) => invites::revoke(&options, &session, output).await,
        Command::FixFollowState(options) => fix_follow_state::run(&options, &session, output).await,
        Command::ForgetFollowRequest(options) => {
            forget_follow_request::run(&options, &session, output).await
        }
        Command::ConvertId(options) => convert_id::run(&options, output),
    }
}

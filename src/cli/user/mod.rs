//! `kenoma user`: the original's subcommands, in its spelling.

mod act;
mod confirm_all;
mod deactivate_instance;
mod delete_activities;
mod hosts_file;
mod sign_out;
mod switch;

use clap::Subcommand;

use super::{Failure, Output};
use crate::session::Session;

/// Commands about accounts.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Delete everything a local account has posted, liked and boosted.
    #[command(alias = "delete-activities")]
    DeleteActivities(delete_activities::Options),
    /// Activate an account.
    #[command(after_help = "Example: kenoma user activate alice")]
    Activate(switch::Options),
    /// Deactivate an account; it stops following local accounts.
    #[command(after_help = "Example: kenoma user deactivate mallory@spam.example --reason spam")]
    Deactivate(switch::Options),
    /// Deactivate an active account, activate an inactive one.
    #[command(
        alias = "toggle-activated",
        after_help = "Example: kenoma user toggle_activated alice"
    )]
    ToggleActivated(switch::Options),
    /// Deactivate all accounts of an instance.
    #[command(alias = "deactivate-all-from-instance")]
    DeactivateAllFromInstance(deactivate_instance::Options),
    /// Confirm the e-mail addresses of all active local accounts but the staff's.
    #[command(alias = "confirm-all", after_help = "Example: kenoma user confirm_all --dry-run")]
    ConfirmAll(confirm_all::Confirm),
    /// Take the confirmation from all active local accounts but the staff's.
    #[command(alias = "unconfirm-all", after_help = "Example: kenoma user unconfirm_all --dry-run")]
    UnconfirmAll(confirm_all::Unconfirm),
    /// Sign an account out of all apps.
    #[command(alias = "sign-out")]
    SignOut(sign_out::Options),
}

/// Does what was typed.
pub(super) async fn run(command: Command, session: Session, output: Output) -> Result<(), Failure> {
    match command {
        Command::DeleteActivities(options) => {
            delete_activities::run(&options, &session, output).await
        }
        Command::Activate(options) => switch::run::<true>(&options, &session, output).await,
        Command::Deactivate(options) => switch::run::<false>(&options, &session, output).await,
        Command::ToggleActivated(options) => switch::toggle(&options, &session, output).await,
        Command::DeactivateAllFromInstance(options) => {
            deactivate_instance::run(&options, &session, output).await
        }
        Command::ConfirmAll(options) => confirm_all::confirm(&options, &session, output).await,
        Command::UnconfirmAll(options) => confirm_all::unconfirm(&options, &session, output).await,
        Command::SignOut(options) => sign_out::run(&options, &session, output).await,
    }
}

//! `kenoma user`: the original's subcommands, in its spelling.

mod act;
mod confirm;
mod deactivate_instance;
mod delete_activities;
mod new;
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
    /// Deactivate all accounts of an instance.
    #[command(alias = "deactivate-all-from-instance")]
    DeactivateAllFromInstance(deactivate_instance::Options),
    /// Sign an account out of all apps.
    #[command(alias = "sign-out")]
    SignOut(sign_out::Options),
    /// Make an account.
    New(new::Options),
    /// Confirm an account's e-mail address.
    Confirm(confirm::Options),
}

/// Does what was typed.
pub(super) async fn run(command: Command, session: Session, output: Output) -> Result<(), Failure> {
    match command {
        Command::DeleteActivities(options) => {
            delete_activities::run(&options, &session, output).await
        }
        Command::Activate(options) => switch::run::<true>(&options, &session, output).await,
        Command::Deactivate(options) => switch::run::<false>(&options, &session, output).await,
        Command::DeactivateAllFromInstance(options) => {
            deactivate_instance::run(&options, &session, output).await
        }
        Command::SignOut(options) => sign_out::run(&options, &session, output).await,
        Command::New(options) => new::run(&options, &session, output).await,
        Command::Confirm(options) => confirm::run(&options, &session, output).await,
    }
}

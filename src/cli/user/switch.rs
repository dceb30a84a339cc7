//! `kenoma user activate NICK` and `kenoma user deactivate NICK`

use kenoma_jobs::{
    AnyJob,
    pleroma::{Flavour, Server, find_actor},
    switch_user::SwitchUser,
};

use crate::{
    cli::{Failure, Output, submit},
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// Nickname of the account, of this or another server.
    #[arg(value_name = "NICK")]
    nickname: String,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// Asks for the job.
pub(super) async fn run<const ACTIVE: bool>(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure>
where
    AnyJob: From<SwitchUser<ACTIVE>>,
{
    let server = session.server().await?;
    let nickname = &options.nickname;
    let found = {
        let mut db = session.pool.acquire().await?;
        find_actor(&mut db, &server, nickname).await?
    };
    let actor = found.ok_or_else(|| Failure::NotFound(format!("No user {nickname}")))?;
    let needed = SwitchUser::<ACTIVE>::is_needed(&server, &actor);
    let job: AnyJob =
        SwitchUser::<ACTIVE> { nickname: nickname.clone(), actor: actor.ap_id }.into();
    if !needed {
        let state = if ACTIVE { "activated" } else { "deactivated" };
        let line = format!("User {nickname} already {state}");
        return submit::nothing_to_do(session, &job, &options.submit, &[line], output).await;
    }
    let stored = actor.nickname.unwrap_or_else(|| nickname.clone());
    let done = done_lines::<ACTIVE>(&server, nickname, &stored);
    submit::submit(session, server, submit::Request { job, options: &options.submit, done }, output)
        .await
}

/// The original's lines (docs/semantics.md 3.1).
fn done_lines<const ACTIVE: bool>(server: &Server, typed: &str, stored: &str) -> Vec<String> {
    match (ACTIVE, server.shape.flavour) {
        (true, _) => vec![format!("Successfully activated {typed}")],
        (false, Flavour::Pleroma22) => vec![
            format!("Deactivating {stored}"),
            format!("Successfully unsubscribed all local followers from {stored}"),
        ],
        (false, Flavour::Pleroma | Flavour::Akkoma) => {
            vec![format!("Successfully deactivated {typed} and unsubscribed all local followers")]
        }
    }
}

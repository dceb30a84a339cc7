//! `ostrakon user rm NICK`

use ostrakon_jobs::DeleteUser;
use ostrakon_server::find_actor;

use super::quick_change::StaffOptions;
use crate::{
    cli::{Output, submit},
    failure::Failure,
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: ostrakon user rm mallory --reason \"asked for it by mail\" --wait

The account is signed out and deactivated immediately. The server may serve cached ActivityPub \
copies of its posts until it restarts or drops them.")]
pub(in crate::cli) struct Options {
    /// Nickname of the account.
    #[arg(value_name = "NICK")]
    nickname: String,
    /// Also remove what the original leaves behind: tokens, filters, lists, bookmarks, blocks, …
    #[arg(long)]
    thorough: bool,
    /// Notify other servers of each post, like and boost, not only of the account's removal.
    #[arg(long)]
    federate_posts: bool,
    /// Remove the account even if it is the last admin.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    staff: StaffOptions,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// Requests the job.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let nickname = &options.nickname;
    let (found, staff) = {
        let mut db = session.pool.acquire().await?;
        let found = find_actor(&mut db, &server, nickname).await?;
        (found, options.staff.find(&mut db, &server).await?)
    };
    let account = found
        .filter(|account| account.local)
        .ok_or_else(|| Failure::NotFound(format!("No local user {nickname}")))?;
    let mut job = DeleteUser::new(nickname.clone(), account.ap_id);
    job.thorough = options.thorough;
    job.federate_posts = options.federate_posts;
    job.force = options.force;
    job.on_behalf_of = staff.map(|staff| staff.id);
    let request = submit::Request {
        job: job.into(),
        options: &options.submit,
        done: vec![format!("User {nickname} deleted.")],
    };
    submit::submit(session, server, request, output).await
}

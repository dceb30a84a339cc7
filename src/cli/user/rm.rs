//! `ostrakon user rm NICK`

use ostrakon_jobs::DeleteUser;
use ostrakon_server::{Person, SelectedAccount, find_actor};

use super::{
    many::{AccountJob, AccountsOptions, MANY, Many, Reach, Subjects, submit_all},
    quick_change::StaffOptions,
};
use crate::{
    cli::{Output, select::ScopeOptions, submit},
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
    #[arg(value_name = "NICK", id = "NICK", required_unless_present_any = MANY, conflicts_with_all = MANY)]
    nickname: Option<String>,
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
    #[command(flatten)]
    accounts: AccountsOptions,
    #[command(flatten)]
    scope: ScopeOptions,
}

/// Requests the job.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let nickname = options.nickname.as_deref();
    match options.accounts.subjects(nickname, options.scope, Reach::Local)? {
        Subjects::One(nickname) => one(nickname, options, session, output).await,
        Subjects::Many(many) => all(many, options, session, output).await,
    }
}

async fn one(
    nickname: &str,
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let (found, staff) = {
        let mut db = session.pool.acquire().await?;
        let found = find_actor(&mut db, &server, nickname).await?;
        (found, options.staff.find(&mut db, &server).await?)
    };
    let account = found
        .filter(|account| account.local)
        .ok_or_else(|| Failure::NotFound(format!("No local user {nickname}")))?;
    let request = submit::Request {
        job: job(nickname.to_owned(), account.ap_id, staff.as_ref(), options).into(),
        options: &options.submit,
        done: vec![done(nickname)],
    };
    submit::submit(session, server, request, output).await
}

async fn all(
    many: Many<'_>,
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let chosen = many.choose((session, &server), options.submit.dry_run, output).await?;
    let staff = options.staff.look_up(session, &server).await?;
    let of = |account: &SelectedAccount| AccountJob {
        job: job(account.nickname.clone(), account.ap_id.clone(), staff.as_ref(), options).into(),
        is_needed: true,
        done: vec![done(&account.nickname)],
    };
    submit_all("rm", &chosen, of, (session, &server), &options.submit, output).await
}

fn job(nickname: String, actor: String, staff: Option<&Person>, options: &Options) -> DeleteUser {
    let mut job = DeleteUser::new(nickname, actor);
    job.thorough = options.thorough;
    job.federate_posts = options.federate_posts;
    job.force = options.force;
    job.on_behalf_of = staff.map(|staff| staff.id);
    job
}

/// The original's line.
fn done(nickname: &str) -> String {
    format!("User {nickname} deleted.")
}

//! `ostrakon user confirm_all` and `ostrakon user unconfirm_all`

use ostrakon_jobs::{AnyJob, ConfirmAll, UnconfirmAll};

use super::quick_change::StaffOptions;
use crate::{
    cli::{Output, submit},
    failure::Failure,
    session::Session,
};

/// What can be typed after `confirm_all`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Confirm {
    #[command(flatten)]
    staff: StaffOptions,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// What can be typed after `unconfirm_all`, which the moderation log has no words for.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Unconfirm {
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// Requests the confirmation of all accounts.
pub(super) async fn confirm(
    options: &Confirm,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let staff = {
        let mut db = session.pool.acquire().await?;
        options.staff.find(&mut db, &server).await?
    };
    let job: AnyJob = ConfirmAll::new(staff.map(|staff| staff.id)).into();
    // The original prints nothing when it is done.
    let request = submit::Request { job, options: &options.submit, done: Vec::new() };
    submit::submit(session, server, request, output).await
}

/// Requests the removal of all confirmations.
pub(super) async fn unconfirm(
    options: &Unconfirm,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let job: AnyJob = UnconfirmAll::new(None).into();
    let request = submit::Request { job, options: &options.submit, done: Vec::new() };
    submit::submit(session, server, request, output).await
}

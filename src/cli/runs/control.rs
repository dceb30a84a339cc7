//! `ostrakon runs pause | resume | cancel | speed | retry`

use ostrakon_engine::Status;

use crate::{
    cli::{Failure, Output, place, submit::done_text},
    numbers::counted,
    requests::{self, RunView},
    session::Session,
};

/// Pauses a run.
pub(super) async fn pause(id: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let text = match requests::pause(session, id).await? {
        Status::Running => "will pause at the end of its batch",
        _ => "is paused",
    };
    report(id, text, session, output).await
}

/// Resumes a run.
pub(super) async fn resume(id: &str, session: &Session, output: Output) -> Result<(), Failure> {
    if requests::resume(session, id).await? == Status::Running {
        return report(id, "continues", session, output).await;
    }
    report(id, "is queued again; a worker will continue it", session, output).await?;
    warn_without_worker(session, output).await
}

/// Cancels a run.
pub(super) async fn cancel(id: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let text = match requests::cancel(session, id).await? {
        Status::Running => "will stop at the end of its batch",
        _ => "is cancelled",
    };
    report(id, text, session, output).await
}

/// Changes the speed of a run.
pub(super) async fn speed(
    id: &str,
    factor: f64,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let when = match requests::set_speed(session, id, factor).await? {
        Status::Running => "continues",
        _ => "will continue",
    };
    let text = format!("{when} at {factor} times the speed of the settings");
    report(id, &text, session, output).await
}

/// Retries a run.
pub(super) async fn retry(id: &str, session: &Session, output: Output) -> Result<(), Failure> {
    requests::retry(session, id).await?;
    let text = "is queued again; a worker will retry all that is left, parked items included";
    report(id, text, session, output).await?;
    warn_without_worker(session, output).await
}

/// Retries only the parked items of a run.
pub(super) async fn retry_parked(
    id: &str,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let items = counted(requests::retry_parked(session, id).await?, "parked items");
    report(id, &format!("is queued again for its {items}"), session, output).await?;
    warn_without_worker(session, output).await
}

/// Warns if no worker is running to continue a run that is queued again.
async fn warn_without_worker(session: &Session, output: Output) -> Result<(), Failure> {
    place::warn_without_worker(session, "the command that asked for the run", output).await?;
    Ok(())
}

async fn report(id: &str, text: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let run = requests::find(session, id).await?;
    output.result(format!("Run {id} {text} ({}).", done_text(&run)));
    output.object(&RunView::of(&run));
    Ok(())
}

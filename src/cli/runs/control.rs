//! `ostrakon runs pause | resume | cancel | speed | retry`

use ostrakon_engine::{Status, ledger};

use crate::{
    cli::{
        Failure, Output,
        output::counted,
        place,
        run_json::RunJson,
        submit::{done_text, find},
    },
    session::{Session, operator},
};

/// Pauses a run.
pub(super) async fn pause(id: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    let text = match ledger::pause(&mut db, id, &operator()).await? {
        Status::Running => "will pause at the end of its batch",
        _ => "is paused",
    };
    report(id, text, session, output).await
}

/// Resumes a run.
pub(super) async fn resume(id: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    if ledger::resume(&mut db, id, &operator()).await? == Status::Running {
        return report(id, "continues", session, output).await;
    }
    report(id, "is queued again; a worker will continue it", session, output).await?;
    warn_without_worker(session, output).await
}

/// Cancels a run.
pub(super) async fn cancel(id: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    let text = match ledger::cancel(&mut db, id, &operator()).await? {
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
    let mut db = session.side_pool.acquire().await?;
    let when = match ledger::set_speed(&mut db, id, factor, &operator()).await? {
        Status::Running => "continues",
        _ => "will continue",
    };
    let text = format!("{when} at {factor} times the speed of the settings");
    report(id, &text, session, output).await
}

/// Retries a run.
pub(super) async fn retry(id: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    ledger::retry(&mut db, id, &operator()).await?;
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
    let mut db = session.side_pool.acquire().await?;
    let items = ledger::retry_parked(&mut db, id, &operator()).await?;
    let items = counted(i64::try_from(items).unwrap_or(i64::MAX), "parked items");
    report(id, &format!("is queued again for its {items}"), session, output).await?;
    warn_without_worker(session, output).await
}

/// Warns if no worker is running to continue a run that is queued again.
async fn warn_without_worker(session: &Session, output: Output) -> Result<(), Failure> {
    place::warn_without_worker(session, "the command that asked for the run", output).await?;
    Ok(())
}

async fn report(id: &str, text: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let run = find(session, id).await?;
    output.result(format!("Run {id} {text} ({}).", done_text(&run)));
    output.object(&RunJson::of(&run));
    Ok(())
}

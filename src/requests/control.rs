//! Controlling runs. Each request takes effect between two batches.

use ostrakon_engine::{
    Status,
    ledger::{self, ControlError},
};

use crate::{
    failure::Failure,
    session::{Session, operator},
};

/// Requests a pause. Returns the status that the run had.
pub(crate) async fn pause(session: &Session, id: &str) -> Result<Status, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::pause(&mut db, id, &operator()).await?)
}

/// Resumes a run. Returns the status that it has now.
pub(crate) async fn resume(session: &Session, id: &str) -> Result<Status, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::resume(&mut db, id, &operator()).await?)
}

/// Queues a run that was held back until its turn. A run that is queued stays so.
pub(crate) async fn release_held(session: &Session, id: &str) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    match ledger::resume(&mut db, id, &operator()).await {
        Ok(_) | Err(ControlError::Status { status: Status::Queued, .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Requests that a run stops for good. Returns the status that it had.
pub(crate) async fn cancel(session: &Session, id: &str) -> Result<Status, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::cancel(&mut db, id, &operator()).await?)
}

/// Sets the speed of a run; 1 is the speed of the settings. Returns its status.
pub(crate) async fn set_speed(session: &Session, id: &str, factor: f64) -> Result<Status, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::set_speed(&mut db, id, factor, &operator()).await?)
}

/// Queues a run again for all that it has left, parked items included.
pub(crate) async fn retry(session: &Session, id: &str) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    ledger::retry(&mut db, id, &operator()).await?;
    Ok(())
}

/// Queues a run again for its parked items. Returns their number.
pub(crate) async fn retry_parked(session: &Session, id: &str) -> Result<i64, Failure> {
    let mut db = session.side_pool.acquire().await?;
    let items = ledger::retry_parked(&mut db, id, &operator()).await?;
    Ok(i64::try_from(items).unwrap_or(i64::MAX))
}

/// Requests a pause of every run of a group. Returns how many runs that concerns.
pub(crate) async fn pause_group(session: &Session, id: &str) -> Result<u64, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::pause_group(&mut db, id, &operator()).await?)
}

/// Resumes the paused runs of a group. Returns how many runs that concerns.
pub(crate) async fn resume_group(session: &Session, id: &str) -> Result<u64, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::resume_group(&mut db, id, &operator()).await?)
}

/// Requests that every unfinished run of a group stops for good. Returns how many that concerns.
pub(crate) async fn cancel_group(session: &Session, id: &str) -> Result<u64, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::cancel_group(&mut db, id, &operator()).await?)
}

/// Queues the failed, cancelled and incomplete runs of a group again. Returns their number.
pub(crate) async fn retry_group(session: &Session, id: &str) -> Result<u64, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::retry_group(&mut db, id, &operator()).await?)
}

/// Sets the speed of the unfinished runs of a group; 1 is the speed of the settings. Returns how
/// many runs that concerns.
pub(crate) async fn set_group_speed(
    session: &Session,
    id: &str,
    factor: f64,
) -> Result<u64, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::set_group_speed(&mut db, id, factor, &operator()).await?)
}

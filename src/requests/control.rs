//! Controlling runs. Each request takes effect between two batches.

use ostrakon_engine::{Status, ledger};

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

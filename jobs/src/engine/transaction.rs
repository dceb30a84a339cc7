//! Transactions with time-outs of their own, and answers that never come.

use std::{io, time::Duration};

use sqlx::{PgConnection, PgPool, PgTransaction, Row as _};

use super::BatchSettings;

/// How long PostgreSQL lets a transaction of a command stand idle: one that was stopped with Ctrl-Z
/// must not keep its locks from workers for ever.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(40);

/// Begins a transaction that waits no longer for a lock, and for an answer, than a batch would, and
/// that does not stand idle for long. Nothing is compiled in it: that takes longer than the batch.
pub async fn begin(pool: &PgPool, limits: &BatchSettings) -> sqlx::Result<PgTransaction<'static>> {
    let mut tx = pool.begin().await?;
    sqlx::query(
        "select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true),
                set_config('idle_in_transaction_session_timeout', $3, true),
                set_config('jit', 'off', true)",
    )
    .bind(milliseconds(limits.lock_timeout))
    .bind(milliseconds(limits.statement_timeout))
    .bind(milliseconds(IDLE_MAX))
    .execute(&mut *tx)
    .await?;
    Ok(tx)
}

/// Waits for PostgreSQL no longer than `limit`.
///
/// The server's own time-outs do not help when it, or the network before it, is gone without a
/// word: sqlx would wait for the answer for ever. What was sent may still have been done; the
/// connection that was waited at is thrown away by the pool.
///
/// # Errors
/// Those of the work, or one of the connection when the limit is over.
pub async fn answered<T, E: From<sqlx::Error>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_elapsed| {
        let reason = format!("PostgreSQL gave no answer within {} s", limit.as_secs_f32());
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, reason)).into())
    })
}

/// Whether a connection that nobody uses is outside of any transaction.
///
/// sqlx forgets a BEGIN whose sender was dropped before the answer came; what is done next on that
/// connection would be part of a transaction that nobody knows of.
///
/// # Errors
/// When the connection does not lead to the server any more.
pub async fn is_idle(db: &mut PgConnection) -> sqlx::Result<bool> {
    // By the simple protocol: there, a statement of its own begins its transaction.
    let row = sqlx::raw_sql("select now() = statement_timestamp()").fetch_one(db).await?;
    row.try_get(0)
}

/// Writes a duration as PostgreSQL's settings want it.
pub(super) fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// Has PostgreSQL look every second whether this process still lives, also in the middle of a
/// statement: a batch of a killed worker ends then, and with it the locks that it holds.
///
/// PostgreSQL before 14, and some operating systems, cannot do so; there the batch ends with its
/// statement.
pub async fn watch_client(db: &mut PgConnection) -> sqlx::Result<()> {
    const SINCE: u32 = 140_000;
    if db.server_version_num().is_some_and(|version| version < SINCE) {
        return Ok(());
    }
    match sqlx::raw_sql("set client_connection_check_interval = '1s'").execute(db).await {
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Result, ensure};
    use sqlx::{Connection as _, Executor as _};
    use testkit::{Database, Flavour};

    use super::*;

    #[tokio::test]
    async fn a_transaction_that_nobody_knows_of_is_seen() -> Result<()> {
        let database = Database::create(Flavour::Pleroma).await?;
        let mut db = PgConnection::connect(database.url()).await?;
        ensure!(is_idle(&mut db).await?);
        sqlx::query("select 1").execute(&mut db).await?;
        ensure!(is_idle(&mut db).await?, "after a statement by itself");
        db.execute("begin").await?;
        ensure!(!is_idle(&mut db).await?);
        db.execute("rollback").await?;
        ensure!(is_idle(&mut db).await?);
        Ok(())
    }
}

//! Transactions with time-outs of their own.

use std::time::Duration;

use sqlx::{PgConnection, PgPool, PgTransaction};

use super::BatchSettings;

/// Begins a transaction that waits no longer for a lock, and for an answer, than a batch would.
pub async fn begin(pool: &PgPool, limits: &BatchSettings) -> sqlx::Result<PgTransaction<'static>> {
    let mut tx = pool.begin().await?;
    sqlx::query(
        "select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)",
    )
    .bind(milliseconds(limits.lock_timeout))
    .bind(milliseconds(limits.statement_timeout))
    .execute(&mut *tx)
    .await?;
    Ok(tx)
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
    sqlx::raw_sql(
        "do $$ begin
             perform set_config('client_connection_check_interval', '1s', false);
         exception when others then
             null;
         end $$",
    )
    .execute(db)
    .await?;
    Ok(())
}

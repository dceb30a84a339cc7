//! Transactions with their own time-outs, and answers that never come.

use std::{io, time::Duration};

use sqlx::{PgConnection, PgPool, PgTransaction, Row as _};

use super::BatchSettings;

/// Maximum idle time of a command's transaction: a command stopped with Ctrl-Z must not keep its
/// locks from workers for ever.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(40);

/// Settings of every transaction that changes something. Precedes a list of columns.
///
/// Lock waits are limited to `$1` milliseconds, and to half of the shortest `deadlock_timeout` that
/// any role in this database has.
///
/// A session that has waited for a lock for `deadlock_timeout` checks for a deadlock; if there is
/// one, PostgreSQL ends that session's transaction. A session that waits for us began to wait after
/// we had begun. As long as we have given up by then, PostgreSQL never ends a transaction of the
/// server because of us.
///
/// JIT is off: compilation takes longer than the batch. Plans are generic: from the values
/// PostgreSQL concludes, for instance, that few of an account's posts lie in a range of ids, and
/// reads and sorts all of them for each batch; or that they are frequent, and searches all posts
/// that the server ever had.
macro_rules! transaction_settings {
    () => {
        "with wait as materialized (
             select greatest(1, least($1::bigint, min(extract(epoch from timeout::interval) * 500)))::bigint::text as ms
             from (select current_setting('deadlock_timeout') as timeout
                   union all
                   -- The server's role may have another one than ours. Without a unit they are milliseconds.
                   select regexp_replace(split_part(setting, '=', 2), '^(\\d+)$', '\\1ms')
                   from pg_catalog.pg_db_role_setting, unnest(setconfig) as setting
                   where setting like 'deadlock\\_timeout=%'
                     and setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
                  ) as known
         )
         select set_config('lock_timeout', (select ms from wait), true),
                set_config('ostrakon.lock_wait', (select ms from wait), true),
                set_config('jit', 'off', true),
                set_config('plan_cache_mode', 'force_generic_plan', true), "
    };
}
pub(super) use transaction_settings;

/// Begins a transaction that waits no longer for a lock, or for an answer, than a batch would, and
/// that does not stay idle for long.
pub async fn begin(pool: &PgPool, limits: &BatchSettings) -> sqlx::Result<PgTransaction<'static>> {
    let mut tx = pool.begin().await?;
    sqlx::query(concat!(
        transaction_settings!(),
        "set_config('statement_timeout', $2, true),
         set_config('idle_in_transaction_session_timeout', $3, true)",
    ))
    .bind(milliseconds(limits.lock_timeout))
    .bind(milliseconds(limits.statement_timeout))
    .bind(milliseconds(IDLE_MAX))
    .execute(&mut *tx)
    .await?;
    Ok(tx)
}

/// Shortens `lock_timeout` for the rest of the transaction: to a fifth, or to what is left of it
/// since the transaction began, if that is less. The minimum is a fiftieth.
///
/// For locks taken late, while other sessions may wait for those taken early. A contended row, such
/// as that of a counter, is held for milliseconds; a session that holds it for longer waits
/// for us.
pub async fn shorten_lock_timeout(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "select set_config(name, greatest(1, wait / 50, least(wait / 5, wait - age))::bigint::text, true)
         from (select 'lock_timeout' as name,
                      -- Empty where an earlier transaction of this connection had it.
                      nullif(current_setting('ostrakon.lock_wait', true), '')::float8 as wait,
                      extract(epoch from clock_timestamp() - transaction_timestamp())::float8 * 1000 as age) as known
         where wait is not null",
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Waits no longer than `limit` for PostgreSQL.
///
/// The server's own time-outs do not help when it, or the network in between, disappears silently:
/// sqlx would wait for the answer for ever. The statements that were sent may still have been
/// executed; the pool discards the connection.
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

/// Whether an unused connection is outside of any transaction.
///
/// sqlx forgets a BEGIN whose future was dropped before the answer came; the next statements on
/// that connection would be part of an unknown transaction.
///
/// # Errors
/// When the connection no longer leads to the server.
pub async fn is_idle(db: &mut PgConnection) -> sqlx::Result<bool> {
    // By the simple protocol: there, a statement outside of a transaction begins its own.
    let row = sqlx::raw_sql("select now() = statement_timestamp()").fetch_one(db).await?;
    row.try_get(0)
}

/// Formats a duration in milliseconds, as PostgreSQL's settings take it.
pub(super) fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// Makes PostgreSQL check every second whether this process is alive, even during a statement: a
/// killed worker's batch ends then and releases its locks.
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
    use testkit::{Database, put_together};

    use super::*;

    const LIMITS: BatchSettings = BatchSettings {
        lock_timeout: Duration::from_secs(2),
        statement_timeout: Duration::from_secs(10),
        ..BatchSettings::of_rows(1)
    };

    async fn waits_for(db: &mut PgConnection) -> Result<String> {
        Ok(sqlx::query_scalar("show lock_timeout").fetch_one(db).await?)
    }

    #[tokio::test]
    async fn a_lock_is_waited_for_less_long_than_anybody_looks_for_a_deadlock() -> Result<()> {
        let database = Database::bare().await?;
        let pool = database.pool();
        ensure!(waits_for(&mut *begin(&pool, &LIMITS).await?).await? == "500ms");
        let role = format!("r_{}", uuid::Uuid::new_v4().simple());
        let name: String = sqlx::query_scalar("select current_database()").fetch_one(&pool).await?;
        let set = |whose: &str, to: &str| {
            put_together(format!("alter {whose} set deadlock_timeout = {to}"))
        };
        pool.execute(put_together(format!("create role {role}"))).await?;
        for (whose, to, expected) in [
            // Longer than the server's own, which applies to every other session.
            (format!("role {role} in database {name}"), "'1min'", "500ms"),
            (format!("role {role} in database {name}"), "'300ms'", "150ms"),
            (format!("database {name}"), "200", "100ms"),
            (format!("role {role} in database {name}"), "'1ms'", "1ms"),
        ] {
            pool.execute(set(&whose, to)).await?;
            let found = waits_for(&mut *begin(&pool, &LIMITS).await?).await?;
            ensure!(found == expected, "{whose} {to}: {found}");
        }
        pool.execute(put_together(format!("drop owned by {role}; drop role {role}"))).await?;
        Ok(())
    }

    #[tokio::test]
    async fn who_is_late_hardly_waits() -> Result<()> {
        let database = Database::bare().await?;
        let pool = database.pool();
        let mut tx = begin(&pool, &LIMITS).await?;
        shorten_lock_timeout(&mut tx).await?;
        ensure!(waits_for(&mut tx).await? == "100ms");
        sqlx::query("select pg_sleep(0.55)").execute(&mut *tx).await?;
        shorten_lock_timeout(&mut tx).await?;
        ensure!(waits_for(&mut tx).await? == "10ms");
        tx.rollback().await?;
        // Not begun here: its lock time-out is unknown.
        let mut db = pool.acquire().await?;
        shorten_lock_timeout(&mut db).await?;
        ensure!(waits_for(&mut db).await? == "0");
        Ok(())
    }

    #[tokio::test]
    async fn a_transaction_that_nobody_knows_of_is_seen() -> Result<()> {
        let database = Database::bare().await?;
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

//! Workers that are alive; for display only.

use std::time::Duration;

use sqlx::PgConnection;

/// A worker process.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Id of the process, fresh at every start.
    pub id: String,
    /// Host name of its machine.
    pub host: String,
    /// Process id on that machine.
    pub pid: i32,
}

/// Records that a worker is alive.
pub async fn seen(db: &mut PgConnection, worker: &Worker) -> sqlx::Result<()> {
    sqlx::query(
        "insert into ostrakon.workers (id, host, pid, version) values ($1, $2, $3, $4)
         on conflict (id) do update set seen_at = clock_timestamp()",
    )
    .bind(&worker.id)
    .bind(&worker.host)
    .bind(worker.pid)
    .bind(env!("CARGO_PKG_VERSION"))
    .execute(db)
    .await?;
    Ok(())
}

/// Counts the workers seen within `timeout`.
pub async fn alive(db: &mut PgConnection, timeout: Duration) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select count(*) from ostrakon.workers
         where seen_at > clock_timestamp() - make_interval(secs => $1)",
    )
    .bind(timeout.as_secs_f64())
    .fetch_one(db)
    .await
}

/// Removes a worker that ends, and those not seen for a day.
pub async fn forget(db: &mut PgConnection, id: &str) -> sqlx::Result<()> {
    sqlx::query(
        "delete from ostrakon.workers
         where id = $1 or seen_at < clock_timestamp() - interval '1 day'",
    )
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

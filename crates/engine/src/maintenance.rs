//! Maintenance after a large run: fresh statistics for PostgreSQL's planner, and figures on freed
//! space.
//!
//! It follows the commit of the run's end. It may be skipped, and never fails the run.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgTransaction, error::DatabaseError};
use tracing::{info, warn};

use super::{
    Driver, Ended, Progress, Table,
    error::{self, STATEMENT_TIMEOUT},
    ledger::{self, Claim},
    transaction::{answered, milliseconds},
};

/// Name of the event that records the maintenance.
pub const MAINTENANCE: &str = "maintenance";

/// Minimum items of a large run. Fewer are no more than what autovacuum handles every day, even
/// where it waits for a tenth of a small server's table to change.
const ITEMS_MIN: i64 = 10_000;

/// Time limit for a table's lock. Less than PostgreSQL's `deadlock_timeout` (1 s), after which a
/// session that waits for autovacuum cancels it.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// Time limit for one table. ANALYZE reads a sample of 30,000 rows, however large the table is.
const TABLE_MAX: Duration = Duration::from_mins(1);

/// Time limit for all tables, while a slot of the worker is taken.
const ALL_MAX: Duration = Duration::from_mins(3);

/// State of a run's tables after the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Role that did the maintenance.
    pub role: String,
    /// The tables that this database has.
    pub tables: Vec<TableMaintenance>,
}

/// State of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableMaintenance {
    /// Name with its schema.
    pub table: String,
    /// Outcome of ANALYZE.
    pub analyzed: Analyzed,
    /// Dead rows, as PostgreSQL estimates.
    pub dead_rows: i64,
    /// Size of the table without its indexes.
    pub bytes: i64,
    /// Estimate of the bytes that new rows can reuse, once autovacuum has processed the table.
    pub reusable_bytes: i64,
}

/// Outcome of ANALYZE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyzed {
    /// The planner has current statistics.
    Yes,
    /// The role lacks the right.
    NotAllowed,
    /// Another session, perhaps autovacuum, had the table locked.
    InUse,
    /// ANALYZE took too long.
    TooLong,
}

impl TableMaintenance {
    /// Whether so much of a table could be returned to the disk that the operator may want to weigh
    /// that against the cost: at least half of the table, and 256 MiB.
    pub const fn is_mostly_empty(&self) -> bool {
        const SMALL: i64 = 256 * 1024 * 1024;
        self.reusable_bytes >= SMALL && self.reusable_bytes >= self.bytes / 2
    }
}

impl Maintenance {
    /// Reads the maintenance from its event's detail.
    pub fn of(detail: &Value) -> Option<Self> {
        serde_json::from_value(detail.clone()).ok()
    }
}

/// Maintains the tables of a run that has just reached its end, if it was large. Aborts when the
/// process should stop.
pub async fn maintain(
    driver: &Driver,
    claim: &Claim,
    tables: &[Table],
    ended: &Ended,
    progress: &Progress,
) {
    // Without a batch, only parked items were retried.
    let at_its_end = matches!(ended, Ended::Succeeded | Ended::Incomplete);
    if !at_its_end || progress.done < ITEMS_MIN || progress.batches == 0 {
        return;
    }
    let care = Care { driver, claim, tables };
    let reported = tokio::select! {
        biased;
        () = driver.stop.cancelled() => return,
        reported = answered(ALL_MAX, Box::pin(care.maintain_tables())) => reported,
    };
    if let Err(error) = reported {
        warn!(run_id = claim.run_id, %error,
            "The run is done; its tables were not maintained; autovacuum will do so");
    }
}

struct Care<'a> {
    driver: &'a Driver,
    claim: &'a Claim,
    tables: &'a [Table],
}

/// Figures of a table, before or after ANALYZE.
#[derive(FromRow)]
struct Look {
    place: i64,
    may_analyze: bool,
    dead_rows: i64,
    bytes: i64,
    reusable_bytes: i64,
}

impl Care<'_> {
    async fn maintain_tables(&self) -> sqlx::Result<()> {
        let mut analyzed = Vec::new();
        for look in self.look().await? {
            let table =
                usize::try_from(look.place - 1).ok().and_then(|place| self.tables.get(place));
            let Some(table) = table else { continue };
            let outcome =
                if look.may_analyze { self.analyze(table).await? } else { Analyzed::NotAllowed };
            analyzed.push((look.place, table.name, outcome));
        }
        let after = self.look().await?;
        let tables = analyzed
            .into_iter()
            .filter_map(|(place, name, analyzed)| {
                let look = after.iter().find(|look| look.place == place)?;
                let Look { dead_rows, bytes, reusable_bytes, .. } = *look;
                let table = name.to_owned();
                Some(TableMaintenance { table, analyzed, dead_rows, bytes, reusable_bytes })
            })
            .collect();
        self.tell(tables).await
    }

    async fn begin_quietly(&self) -> sqlx::Result<PgTransaction<'static>> {
        let mut tx = self.driver.pool.begin().await?;
        sqlx::query(
            "select set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true),
                    set_config('application_name', 'ostrakon:maintenance', true),
                    -- As autovacuum does, a little at a time.
                    set_config('vacuum_cost_delay', '2ms', true)",
        )
        .bind(milliseconds(LOCK_TIMEOUT))
        .bind(milliseconds(TABLE_MAX))
        .execute(&mut *tx)
        .await?;
        Ok(tx)
    }

    async fn look(&self) -> sqlx::Result<Vec<Look>> {
        let mut tx = self.begin_quietly().await?;
        let names: Vec<&str> = self.tables.iter().map(|table| table.name).collect();
        let tables =
            sqlx::query_as(include_str!("maintenance.sql")).bind(names).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok(tables)
    }

    async fn analyze(&self, table: &Table) -> sqlx::Result<Analyzed> {
        let mut tx = self.begin_quietly().await?;
        let Err(error) = sqlx::query(table.analyze).execute(&mut *tx).await else {
            flush_figures(&mut tx).await?;
            tx.commit().await?;
            return Ok(Analyzed::Yes);
        };
        tx.rollback().await?;
        match error.as_database_error().and_then(DatabaseError::code).as_deref() {
            Some(error::LOCK_TIMEOUT) => Ok(Analyzed::InUse),
            Some(STATEMENT_TIMEOUT) => Ok(Analyzed::TooLong),
            _ => Err(error),
        }
    }

    /// Records the maintenance in the run's history, and logs it.
    async fn tell(&self, tables: Vec<TableMaintenance>) -> sqlx::Result<()> {
        let mut tx = self.begin_quietly().await?;
        let role = sqlx::query_scalar("select current_user::text").fetch_one(&mut *tx).await?;
        let care = Maintenance { role, tables };
        let detail = serde_json::to_value(&care).unwrap_or_default();
        let owner = &self.claim.owner;
        ledger::record(&mut tx, &self.claim.run_id, MAINTENANCE, owner, &detail).await?;
        tx.commit().await?;
        let of = |yes| {
            let tables = care.tables.iter().filter(|care| (care.analyzed == Analyzed::Yes) == yes);
            tables.map(|care| care.table.as_str()).collect::<Vec<_>>().join(", ")
        };
        info!(
            job = self.claim.job,
            run_id = self.claim.run_id,
            subject = self.claim.subject,
            analyzed = of(true),
            left_to_autovacuum = of(false),
            dead_rows = care.tables.iter().map(|care| care.dead_rows).sum::<i64>(),
            reusable_bytes = care.tables.iter().map(|care| care.reusable_bytes).sum::<i64>(),
            "Looked after the tables of {} {}",
            self.claim.job,
            self.claim.subject
        );
        Ok(())
    }
}

/// Makes PostgreSQL add to its statistics, at the end of this transaction, what this connection has
/// not reported yet: up to a second's worth of dead rows. ANALYZE leaves those out, since their
/// report is yet to come.
///
/// PostgreSQL before 15 cannot do so on request; there the figures of the run's last second arrive
/// later.
async fn flush_figures(db: &mut PgConnection) -> sqlx::Result<()> {
    const SINCE: u32 = 150_000;
    if db.server_version_num().is_some_and(|version| version < SINCE) {
        return Ok(());
    }
    sqlx::query("select pg_stat_force_next_flush()").execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_large_and_mostly_empty_is_worth_a_lock() {
        let is_mostly_empty = |bytes, reusable_bytes| {
            let (table, analyzed) = ("public.objects".to_owned(), Analyzed::Yes);
            TableMaintenance { table, analyzed, dead_rows: 1, bytes, reusable_bytes }
                .is_mostly_empty()
        };
        let gib = 1024 * 1024 * 1024;
        assert!(is_mostly_empty(gib, gib / 2));
        assert!(!is_mostly_empty(gib, gib / 3));
        assert!(!is_mostly_empty(gib / 8, gib / 8));
    }
}

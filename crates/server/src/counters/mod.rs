//! Counters that the server keeps: finding and repairing wrong ones (docs/semantics.md 10).

mod accounts;
mod hosts;

pub use accounts::{
    Counters, Examined, WrongCounters, examine_counters, newest_account, repair_as_counted,
    repair_counters,
};
pub use hosts::{HostCounters, WrongHost, examine_hosts, repair_hosts};
use sqlx::PgConnection;

/// Two repairs must not both add the same difference: the second waits for the end of the first
/// one's transaction.
async fn lock_out_other_repairs(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('ostrakon.repair_counters', 0))")
        .execute(db)
        .await?;
    Ok(())
}

//! Keeping a run's lease alive, alongside the work and independent of it.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;
use tracing::warn;

use crate::{
    ledger::{self, Claim, Lease, Renewed},
    transaction::answered,
};

/// Delay before the next renewal if the lease is short and could not be renewed.
const SOON: Duration = Duration::from_millis(50);

/// Renews the lease until it is lost. Failures are retried: the lease outlasts two of them. A
/// renewal that is not answered before the next one is due is abandoned, with its connection.
pub(super) async fn keep(pool: PgPool, claim: Claim, lease: Lease) {
    let mut wait = lease.renewal;
    loop {
        sleep(wait).await;
        let renewed = async { ledger::renew(&mut *pool.acquire().await?, &claim, lease).await };
        wait = match answered(lease.renewal, renewed).await {
            Ok(Renewed::Lost) => return,
            // A batch that is rolled back renews nothing: renew as soon as it releases the row.
            Ok(Renewed::Busy(left)) if left < lease.renewal => SOON,
            Ok(Renewed::Yes | Renewed::Busy(_)) => lease.renewal,
            Err(error) => {
                warn!(run_id = claim.run_id, %error, "The lease could not be renewed");
                lease.renewal
            }
        };
    }
}

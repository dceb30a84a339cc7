//! Keeps a run's lease alive, beside the work and independent of it.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;
use tracing::warn;

use super::{
    ledger::{self, Claim, Lease, Renewed},
    transaction::answered,
};

/// How soon a lease is looked at again that is short and cannot be renewed now.
const SOON: Duration = Duration::from_millis(50);

/// Renews the lease until it is lost. Failures are tried again: the lease outlasts two of them. One
/// that is not answered before the next is due is given up, with the connection it waits at.
pub(super) async fn keep(pool: PgPool, claim: Claim, lease: Lease) {
    let mut wait = lease.renewal;
    loop {
        sleep(wait).await;
        let renewed = async { ledger::renew(&mut *pool.acquire().await?, &claim, lease).await };
        wait = match answered(lease.renewal, renewed).await {
            Ok(Renewed::Lost) => return,
            // A batch that is undone renews nothing: be there when it lets go.
            Ok(Renewed::Busy(left)) if left < lease.renewal => SOON,
            Ok(Renewed::Yes | Renewed::Busy(_)) => lease.renewal,
            Err(error) => {
                warn!(run_id = claim.run_id, %error, "The lease could not be renewed");
                lease.renewal
            }
        };
    }
}

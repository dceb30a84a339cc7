//! The judge. It reads only the databases, which hold the truth.

mod history;
mod ledger;
mod queue;
mod rows;

use anyhow::Result;
use sqlx::PgPool;

use super::community::Community;
use super::report::Verdict;
pub(super) use queue::queue;

/// Judges a round whose runs are done and whose workers have ended.
pub(super) async fn round(community: &Community, db: &PgPool) -> Result<Verdict> {
    let mut verdict = ledger::judge(db).await?;
    verdict.violations.extend(history::judge(db).await?);
    verdict.violations.extend(rows::judge(community, db).await?);
    Ok(verdict)
}

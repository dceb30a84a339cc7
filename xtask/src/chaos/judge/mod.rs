//! The judge. Reads only the databases: what is true stands there.

mod ledger;
mod queue;
mod rows;
mod story;

use anyhow::Result;
use sqlx::PgPool;

use super::house::House;
use super::report::Verdict;
pub(super) use queue::queue;

/// Judges a round whose runs are done and whose workers have gone home.
pub(super) async fn round(house: &House, db: &PgPool) -> Result<Verdict> {
    let mut verdict = ledger::judge(db).await?;
    verdict.violations.extend(story::judge(db).await?);
    verdict.violations.extend(rows::judge(house, db).await?);
    Ok(verdict)
}

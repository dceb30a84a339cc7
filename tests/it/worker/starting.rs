//! When a worker refuses to start.

use anyhow::{Result, ensure};
use testkit::{Database, Flavour};

use super::stage::Stage;
use crate::program::Ostrakon;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_needs_enough_connections() -> Result<()> {
    let stage = Stage::new().await?;
    let ostrakon =
        stage.with("OSTRAKON_DATABASE_POOL_SIZE", "5").with("OSTRAKON_WORKER_CONCURRENCY", "2");
    let done = ostrakon.run(&["worker"])?;
    ensure!(done.code == 2 && done.stderr.contains("pool_size"), "{done:?}");
    ensure!(done.stderr.contains('6') && done.stderr.contains('5'), "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_needs_the_ledger() -> Result<()> {
    let database = Database::create(Flavour::Akkoma).await?;
    let done = Ostrakon::on(&database).run(&["worker"])?;
    ensure!(done.code == 4 && done.stderr.contains("ostrakon migrate"), "{done:?}");
    Ok(())
}

#[test]
fn a_worker_needs_postgres_at_its_start() -> Result<()> {
    // Port 1 is nobody's.
    let done = Ostrakon::at("postgres://ostrakon:s3cret@127.0.0.1:1/pleroma").run(&["worker"])?;
    ensure!(done.code == 8 && done.stderr.contains("127.0.0.1:1 is not reachable"), "{done:?}");
    ensure!(!done.stderr.contains("s3cret") && !done.stderr.contains("panicked"), "{done:?}");
    Ok(())
}

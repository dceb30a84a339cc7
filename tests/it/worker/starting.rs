//! When a worker refuses to start.

use anyhow::{Result, ensure};
use testkit::{Database, Flavour, Ostrakon};

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

//! Many who ask for the same.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};

use super::{history::DELETE_ALICE, stage::Stage};

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_clients_at_once_one_makes_the_run() -> Result<()> {
    let stage = Stage::new().await?;
    let arguments = [&DELETE_ALICE[..], &["--yes", "--quiet"]].concat();
    let clients = (0..100).map(|_| stage.begin(&arguments)).collect::<Result<Vec<_>>>()?;
    let ended: Vec<Output> =
        clients.into_iter().map(std::process::Child::wait_with_output).collect::<Result<_, _>>()?;
    let ids: Vec<String> =
        sqlx::query_scalar("select id from ostrakon.runs").fetch_all(&stage.pool).await?;
    let [id] = ids.as_slice() else { anyhow::bail!("{ids:?}") };
    let (made, refused): (Vec<_>, Vec<_>) =
        ended.iter().partition(|output| output.status.code() == Some(0));
    ensure!(made.len() == 1, "{ended:?}");
    ensure!(String::from_utf8_lossy(&made.first().context("none")?.stdout).contains(id));
    for output in refused {
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(5) && said.contains(id), "{output:?}");
    }
    Ok(())
}

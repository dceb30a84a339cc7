//! A post whose object has no id is no post that could be deleted: nothing is made up for it.

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::{Database, Release};

use crate::fixture::Fixture;

#[tokio::test]
async fn an_embedded_object_without_an_id_is_left_alone() -> Result<()> {
    for release in &Release::ALL {
        let fixture = Fixture::on(Database::of_release(release).await?).await?;
        let alice = fixture.world.local("alice").await?;
        let note = json!({ "type": "Note", "content": "no id" });
        alice.publishes(json!({ "type": "Create", "object": note })).await?;
        let before = fixture.state().await?;
        let done = fixture.run("user delete_activities alice --yes --inline")?;
        ensure!(done.code == 1 && done.stderr.contains("parked"), "{}: {done:?}", release.name);
        let after = fixture.state().await?;
        for table in ["objects", "activities"] {
            ensure!(before.rows(table) == after.rows(table), "{}: {table}", release.name);
        }
    }
    Ok(())
}

//! A plan says that a table without an index will make the run slow, and how to create it.

use anyhow::{Result, ensure};
use testkit::{Database, Release};

use super::Fixture;

const COMMANDS: [&str; 2] = ["user delete_activities alice --dry-run", "user rm alice --dry-run"];
const CREATE: &str = "create index concurrently on notifications (activity_id)";

async fn fixture(release: &str) -> Result<Fixture> {
    let fixture = Fixture::on(Database::of_release(Release::named(release)?).await?).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    // As VACUUM notes it for a table with many rows.
    fixture.sql("update pg_class set relpages = 5000 where relname = 'notifications'").await?;
    Ok(fixture)
}

#[tokio::test]
async fn a_plan_names_the_index_that_is_missing() -> Result<()> {
    for release in ["pleroma-2.2", "pleroma-2.4", "pleroma-2.6", "rebased-2.6.50"] {
        let fixture = fixture(release).await?;
        for command in COMMANDS {
            let done = fixture.refused(command).await?;
            ensure!(done.code == 0 && done.stdout.contains(CREATE), "{release}: {done:?}");
        }
        fixture.sql(CREATE).await?;
        fixture.sql("update pg_class set relpages = 5000 where relname = 'notifications'").await?;
        for command in COMMANDS {
            let done = fixture.refused(command).await?;
            ensure!(!done.stdout.contains("has no index"), "{release}: {done:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_plan_says_nothing_of_indexes_that_are_there_or_do_not_matter() -> Result<()> {
    for release in ["pleroma-2.7", "akkoma-3.10", "akkoma-3.20"] {
        let fixture = fixture(release).await?;
        for command in COMMANDS {
            let done = fixture.refused(command).await?;
            ensure!(!done.stdout.contains("has no index"), "{release}: {done:?}");
        }
    }
    let small = fixture("pleroma-2.6").await?;
    small.sql("update pg_class set relpages = 50 where relname = 'notifications'").await?;
    let done = small.refused(COMMANDS[0]).await?;
    ensure!(!done.stdout.contains("has no index"), "{done:?}");
    Ok(())
}

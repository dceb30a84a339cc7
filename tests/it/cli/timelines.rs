//! What a run writes does not appear at the top of the server's timelines.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result, ensure};
use testkit::Flavour;
use uuid::Uuid;

use super::{FLAVOURS, Fixture};

const ALL_AT_ONCE: &str = "user delete_activities alice --yes --inline";

/// The milliseconds of an id.
const fn time(id: Uuid) -> u64 {
    id.as_u64_pair().0
}

/// An activity: the columns that the tests read.
#[derive(Debug, sqlx::FromRow)]
struct Activity {
    id: Uuid,
    actor: String,
    kind: String,
    object: String,
}

/// Reads all activities, oldest first.
async fn activities(fixture: &Fixture) -> Result<Vec<Activity>> {
    let rows = sqlx::query_as(
        "select id, actor, data ->> 'type' as kind, data ->> 'object' as object
         from public.activities order by id",
    );
    Ok(rows.fetch_all(&fixture.database.pool()).await?)
}

/// Alice's posts, a like and a boost, between two posts of bob's.
async fn fixture(flavour: Flavour) -> Result<Fixture> {
    let fixture = Fixture::new(flavour).await?;
    let alice = fixture.world.local("alice").await?;
    let bob = fixture.world.local("bob").await?;
    let post = bob.posts("to be liked").public().create().await?;
    for number in 0..12 {
        alice.posts(&format!("number {number}")).public().create().await?;
    }
    alice.likes(&post).await?;
    alice.boosts(&post).await?;
    bob.posts("the newest").public().create().await?;
    Ok(fixture)
}

#[tokio::test]
async fn the_newest_activity_is_still_that_of_whoever_wrote_last() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        let before = activities(&fixture).await?;
        let done = fixture.run(ALL_AT_ONCE)?;
        ensure!(done.code == 0, "{flavour}: {done:?}");
        let after = activities(&fixture).await?;
        let newest = |rows: &[Activity]| rows.last().map(|row| row.id);
        ensure!(newest(&after) == newest(&before), "{flavour}: {after:?}");
        // One batch: everything that it wrote comes together, before everything that alice did.
        let hers = before.iter().find(|row| row.actor.ends_with("/alice")).context("none")?;
        let known: HashSet<Uuid> = before.iter().map(|row| row.id).collect();
        let new: Vec<&Activity> = after.iter().filter(|row| !known.contains(&row.id)).collect();
        ensure!(new.len() == 14, "{flavour}: {new:?}");
        ensure!(new.iter().all(|row| time(row.id) == time(hers.id) - 1), "{flavour}: {new:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_written_stands_right_before_what_it_is_about() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        let before = activities(&fixture).await?;
        let creates: HashMap<&str, Uuid> = before
            .iter()
            .filter(|row| row.kind == "Create")
            .map(|row| (row.object.as_str(), row.id))
            .collect();
        let one_by_one = fixture
            .ostrakon
            .clone()
            .with("OSTRAKON_BATCH_ROWS_INITIAL", "1")
            .with("OSTRAKON_BATCH_ROWS_MAX", "1");
        let done = one_by_one.run(&ALL_AT_ONCE.split(' ').collect::<Vec<_>>())?;
        ensure!(done.code == 0, "{flavour}: {done:?}");
        let after = activities(&fixture).await?;
        let deletes: Vec<&Activity> = after.iter().filter(|row| row.kind == "Delete").collect();
        ensure!(deletes.len() == 12, "{flavour}: {deletes:?}");
        for delete in deletes {
            let create = *creates.get(delete.object.as_str()).context("no Create")?;
            ensure!(time(delete.id) == time(create) - 1, "{flavour}: {delete:?} and {create}");
        }
    }
    Ok(())
}

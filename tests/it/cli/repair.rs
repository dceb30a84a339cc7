//! `repair counters`: what it counts, shows, corrects and leaves alone.

use anyhow::Result;
use testkit::Flavour;

use super::Fixture;

/// Counters of an account, as its row has them.
async fn counters(fixture: &Fixture, nickname: &str) -> Result<(i32, i32, i32)> {
    Ok(sqlx::query_as(
        "select note_count, follower_count, following_count from users where nickname = $1",
    )
    .bind(nickname)
    .fetch_one(&fixture.database.pool())
    .await?)
}

/// Alice has two public posts, one of them unlisted, and one for followers; bob follows her, and so
/// does an account that is deactivated. Their rows say something else.
async fn seed(fixture: &Fixture) -> Result<()> {
    let world = &fixture.world;
    let alice = world.local("alice").await?;
    let bob = world.local("bob").await?;
    let left = world.local("left").await?;
    alice.posts("one").public().create().await?;
    alice.posts("two").unlisted().create().await?;
    alice.posts("three").followers_only().create().await?;
    bob.follows(&alice).await?;
    left.follows(&alice).await?;
    left.is_deactivated().await?;
    sqlx::query(
        "update users set note_count = 9, follower_count = 9, following_count = 9
         where nickname in ('alice', 'bob')",
    )
    .execute(&fixture.database.pool())
    .await?;
    Ok(())
}

#[tokio::test]
async fn wrong_counters_are_shown_and_corrected() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Fixture::new(flavour).await?;
        seed(&fixture).await?;
        let planned = fixture.run("repair counters --dry-run")?;
        assert_eq!(planned.code, 0, "{flavour}: {planned:?}");
        for line in [
            "alice: posts 2 instead of 9, followers 1 instead of 9, followed 0 instead of 9",
            "bob: posts 0 instead of 9, followers 0 instead of 9, followed 1 instead of 9",
        ] {
            assert!(planned.stdout.contains(line), "{flavour}: {line}: {planned:?}");
        }
        assert_eq!(counters(&fixture, "alice").await?, (9, 9, 9), "{flavour}");
        let done = fixture.run("repair counters --yes --inline")?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        assert!(
            done.stdout
                .contains("The counters of all active local accounts and of all hosts are right."),
            "{done:?}"
        );
        assert_eq!(counters(&fixture, "alice").await?, (2, 1, 0), "{flavour}");
        assert_eq!(counters(&fixture, "bob").await?, (0, 0, 1), "{flavour}");
        let again = fixture.run("repair counters --yes --inline")?;
        assert!(again.stderr.contains("There was nothing to do."), "{flavour}: {again:?}");
    }
    Ok(())
}

type Hosts = Vec<(String, i64, i64, i64, i64)>;

/// Numbers of posts by host.
async fn hosts(fixture: &Fixture) -> Result<Hosts> {
    Ok(sqlx::query_as(
        "select instance::text, public, unlisted, private, direct from counter_cache
         order by instance collate \"C\"",
    )
    .fetch_all(&fixture.pool())
    .await?)
}

/// Spoils the numbers of the community's hosts; returns what they were.
async fn spoil_hosts(fixture: &Fixture) -> Result<Hosts> {
    let carl = fixture.world.remote("carl", "far.example").await?;
    carl.posts("far away").public().create().await?;
    let dora = fixture.world.remote("dora", "new.example").await?;
    dora.posts("no row").unlisted().create().await?;
    let mut right = hosts(fixture).await?;
    fixture
        .sql(
            "update counter_cache set public = 9, private = 0;
             delete from counter_cache where instance = 'new.example';
             insert into counter_cache (instance, direct) values ('gone.example', 4)",
        )
        .await?;
    right.push(("gone.example".to_owned(), 0, 0, 0, 0));
    right.sort();
    Ok(right)
}

#[tokio::test]
async fn wrong_numbers_of_hosts_are_shown_and_corrected() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Fixture::new(flavour).await?;
        seed(&fixture).await?;
        let right = spoil_hosts(&fixture).await?;
        let planned = fixture.run("repair counters --dry-run")?;
        for line in [
            "posts of far.example: public 1 instead of 9",
            "posts of gone.example: direct 0 instead of 4",
            "posts of new.example: unlisted 1 instead of 0",
        ] {
            assert!(planned.stdout.contains(line), "{flavour}: {line}: {planned:?}");
        }
        let done = fixture.run("repair counters --yes --inline")?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        assert_eq!(hosts(&fixture).await?, right, "{flavour}");
        let again = fixture.run("repair counters --yes --inline")?;
        assert!(again.stderr.contains("There was nothing to do."), "{flavour}: {again:?}");
    }
    Ok(())
}

#[tokio::test]
async fn numbers_of_hosts_are_left_alone_on_request_and_for_a_single_account() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    seed(&fixture).await?;
    spoil_hosts(&fixture).await?;
    let spoiled = hosts(&fixture).await?;
    for line in ["repair counters alice", "repair counters --accounts-only"] {
        let done = fixture.run(&format!("{line} --yes --inline"))?;
        assert_eq!(done.code, 0, "{done:?}");
        assert!(!done.stdout.contains("hosts"), "{done:?}");
        assert_eq!(hosts(&fixture).await?, spoiled);
    }
    Ok(())
}

#[tokio::test]
async fn a_single_account_is_corrected_alone() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    seed(&fixture).await?;
    let done = fixture.run("repair counters bob --yes --inline")?;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(counters(&fixture, "bob").await?, (0, 0, 1));
    assert_eq!(counters(&fixture, "alice").await?, (9, 9, 9));
    Ok(())
}

#[tokio::test]
async fn a_deactivated_account_is_refused() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Fixture::new(flavour).await?;
        seed(&fixture).await?;
        let done = fixture.refused("repair counters left --yes --inline").await?;
        assert_eq!(done.code, 4, "{flavour}: {done:?}");
        assert!(done.stderr.contains("left is deactivated"), "{flavour}: {done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn accounts_that_are_not_of_this_server_are_refused() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    seed(&fixture).await?;
    fixture.world.remote("carl", "far.example").await?;
    for typed in ["carl@far.example", "nobody"] {
        let done = fixture.refused(&format!("repair counters {typed} --yes --inline")).await?;
        assert_eq!(done.code, 3, "{done:?}");
        assert!(done.stderr.contains(&format!("No local user {typed}")), "{done:?}");
    }
    Ok(())
}

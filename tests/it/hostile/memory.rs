//! Memory that a run needs, whatever the data.

use std::{fs, process::Stdio};

use anyhow::{Context as _, Result};
use testkit::{Account, Flavour};

use super::Fixture;

/// Maximum memory, however large the rows are.
const MIB_MAX: u64 = 64;

/// Runs a command to its end; returns its exit code and the maximum memory seen.
fn run_watched(fixture: &Fixture, line: &str) -> Result<(i32, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut child =
        fixture.ostrakon.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let file = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        // The figure is the maximum so far. It disappears with the process.
        let status = fs::read_to_string(&file).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            return Ok((status.code().unwrap_or(-1), most / 1024));
        }
    }
}

/// Posts of 1 MB, by an author who liked posts with long lists of likes.
async fn seed(fixture: &Fixture) -> Result<Account> {
    let alice = fixture.world.local("alice").await?;
    let bob = fixture.world.local("bob").await?;
    for number in 0..60 {
        alice.posts(&format!("post {number}")).create().await?;
        let theirs = bob.posts(&format!("bob {number}")).create().await?;
        alice.likes(&theirs).await?;
    }
    // Random enough not to be compressed in the database. No index has room for texts of that
    // length.
    fixture
        .sql(
            "drop index objects_fts; drop index if exists objects_likes;
             update objects set data = data || jsonb_build_object('source', text)
             from (select string_agg(md5(n::text), '') as text from generate_series(1, 32000) n) as large
             where data ->> 'actor' like '%/alice';
             update objects set data = data || jsonb_build_object('likes', (data -> 'likes') || list)
             from (select jsonb_agg('https://far.example/users/' || md5(n::text)) as list
                   from generate_series(1, 16000) n) as long
             where data ->> 'actor' like '%/bob'",
        )
        .await?;
    Ok(alice)
}

#[tokio::test]
async fn memory_does_not_follow_the_size_of_rows() -> Result<()> {
    let fixture = Fixture::without_server(Flavour::Akkoma).await?;
    let alice = seed(&fixture).await?;
    let (code, mib) = run_watched(&fixture, "user delete_activities alice --yes --inline")?;
    assert_eq!(code, 0);
    assert!((1..=MIB_MAX).contains(&mib), "{mib} MiB");
    let left = fixture
        .number(
            "select count(*) from activities
             where actor = $1 and data ->> 'type' in ('Create', 'Like')",
            &alice,
        )
        .await
        .context("nothing was counted")?;
    assert_eq!(left, 0);
    Ok(())
}

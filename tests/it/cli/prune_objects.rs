//! `prune objects`: the rows that it leaves are those that the original's statements leave, for each
//! option, on each family.

mod original;
mod seed;

use anyhow::{Result, ensure};
use testkit::{Database, Release, State, snapshot};

use super::Fixture;
use original::{Family, Wanted, prune};
use seed::seed;

/// Options, each with what the original is asked for.
const OPTIONS: [(&str, Wanted); 12] = [
    ("", Wanted::DEFAULT),
    ("--older-than 120d", Wanted { days: 120, ..Wanted::DEFAULT }),
    ("--keep-non-public", Wanted { keep_non_public: true, ..Wanted::DEFAULT }),
    ("--keep-followed posts", Wanted { keep_followed: "posts", ..Wanted::DEFAULT }),
    ("--prune-pinned", Wanted { prune_pinned: true, ..Wanted::DEFAULT }),
    ("--prune-orphaned-activities", Wanted { activities: true, ..Wanted::DEFAULT }),
    ("--fix-replies-count", Wanted { fix_replies: Some(true), ..Wanted::DEFAULT }),
    ("--no-fix-replies-count", Wanted { fix_replies: Some(false), ..Wanted::DEFAULT }),
    ("--keep-threads", Wanted { keep_threads: true, ..Wanted::DEFAULT }),
    (
        "--keep-threads --keep-non-public --prune-orphaned-activities",
        Wanted { keep_threads: true, keep_non_public: true, activities: true, ..Wanted::DEFAULT },
    ),
    (
        "--keep-threads --keep-followed posts",
        Wanted { keep_threads: true, keep_followed: "posts", ..Wanted::DEFAULT },
    ),
    (
        "--keep-threads --keep-followed full --fix-replies-count",
        Wanted {
            keep_threads: true,
            keep_followed: "full",
            fix_replies: Some(true),
            ..Wanted::DEFAULT
        },
    ),
];

async fn fixture(release: &str) -> Result<Fixture> {
    let fixture = Fixture::on(Database::of_release(Release::named(release)?).await?).await?;
    seed(&fixture).await?;
    Ok(fixture)
}

/// Loads rows into the database in place of what is there.
async fn set(fixture: &Fixture, rows: &State) -> Result<()> {
    fixture.database.empty().await?;
    rows.load(&fixture.pool()).await
}

/// Lines of tables that differ.
fn differences(one: &State, other: &State) -> Vec<String> {
    let mut tables: Vec<&str> = one.tables().chain(other.tables()).collect();
    tables.sort_unstable();
    tables.dedup();
    let mut lines = Vec::new();
    for table in tables {
        let (one, other) = (one.rows(table), other.rows(table));
        lines.extend(
            one.iter().filter(|row| !other.contains(row)).map(|row| format!("- {table} {row}")),
        );
        lines.extend(
            other.iter().filter(|row| !one.contains(row)).map(|row| format!("+ {table} {row}")),
        );
    }
    lines
}

async fn leaves_what_the_original_leaves(
    release: &str,
    family: Family,
    options: &[(&str, Wanted)],
) -> Result<()> {
    let fixture = fixture(release).await?;
    let before = snapshot(&fixture.pool()).await?;
    for (words, wanted) in options {
        set(&fixture, &before).await?;
        prune(&fixture, family, wanted).await?;
        let expected = snapshot(&fixture.pool()).await?;
        ensure!(expected != before, "{release} {words}: the original does nothing");
        set(&fixture, &before).await?;
        let done = fixture.run(&format!("prune objects {words} --yes --inline"))?;
        ensure!(done.code == 0, "{release} {words}: {done:?}");
        ensure!(done.stdout.starts_with("Deleted objects last changed before 20"), "{done:?}");
        let wrong = differences(&expected, &snapshot(&fixture.pool()).await?);
        ensure!(wrong.is_empty(), "{release} {words}:\n{}", wrong.join("\n"));
    }
    Ok(())
}

#[tokio::test]
async fn pleroma_2_9() -> Result<()> {
    leaves_what_the_original_leaves("pleroma-2.9", Family::Pleroma, &OPTIONS).await
}

#[tokio::test]
async fn akkoma_3_16() -> Result<()> {
    leaves_what_the_original_leaves("akkoma-3.16", Family::Akkoma, &OPTIONS).await
}

#[tokio::test]
async fn other_releases() -> Result<()> {
    for (release, family) in [
        ("pleroma-2.2", Family::Pleroma),
        ("rebased-2.6.50", Family::Pleroma),
        ("akkoma-3.20", Family::Akkoma),
    ] {
        leaves_what_the_original_leaves(release, family, &[OPTIONS[0], OPTIONS[9]]).await?;
    }
    Ok(())
}

/// Numbers of objects and of their threads.
async fn left(fixture: &Fixture) -> Result<(i64, i64)> {
    Ok(sqlx::query_as("select count(*), count(distinct data ->> 'context') from objects")
        .fetch_one(&fixture.pool())
        .await?)
}

#[tokio::test]
async fn a_limit_is_of_objects_or_of_threads() -> Result<()> {
    let fixture = fixture("akkoma-3.16").await?;
    let (objects, _) = left(&fixture).await?;
    let run = |words: &str| fixture.run(&format!("prune objects {words} --yes --inline"));
    let planned = fixture.refused("prune objects --limit 3 --dry-run").await?;
    ensure!(planned.stdout.contains("  3 objects"), "{planned:?}");
    ensure!(planned.stdout.contains("--keep-non-public keeps them"), "{planned:?}");
    ensure!(run("--limit 3")?.code == 0);
    let (fewer, threads) = left(&fixture).await?;
    ensure!(objects - fewer == 3, "{objects} and then {fewer}");
    ensure!(run("--limit 2 --keep-threads")?.code == 0);
    let (fewest, fewer_threads) = left(&fixture).await?;
    ensure!(threads - fewer_threads == 2, "{threads} and then {fewer_threads} threads");
    ensure!(fewer - fewest >= 2, "{fewer} and then {fewest}");
    Ok(())
}

#[tokio::test]
async fn bad_input_changes_nothing() -> Result<()> {
    let fixture = fixture("pleroma-2.9").await?;
    let lines = [
        ("--older-than 0s", "younger than a day"),
        ("--older-than 23h", "younger than a day"),
        ("--older-than 90", "an age looks like 90d"),
        ("--older-than -90d", ""),
        ("--older-than 900y", "before all posts"),
        ("--older-than 90000000000000y", ""),
        ("--keep-followed all", "possible values: none, posts, full"),
        ("--keep-followed full", "needs --keep-threads"),
        ("--limit 0", ""),
        ("--limit -5", ""),
        ("--vacuum", "never runs VACUUM FULL"),
        ("--fix-replies-count --no-fix-replies-count", "cannot be used with"),
        ("spam.example", ""),
    ];
    let commands = lines.map(|(words, _)| format!("prune objects {words} --yes --inline"));
    for ((words, says), done) in lines.iter().zip(fixture.all_refused(&commands).await?) {
        ensure!(done.code == 2 && done.stderr.contains(says), "{words}: {done:?}");
    }
    let done = fixture.refused("prune objects").await?;
    ensure!(done.code == 4 && done.stderr.contains("add --yes"), "{done:?}");
    Ok(())
}

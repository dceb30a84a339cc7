//! A release that is newer than those that ostrakon knows is read, and written to only if what
//! changed does not concern ostrakon.

use anyhow::{Context as _, Result, ensure};
use testkit::{Flavour, Ostrakon};

use super::{FLAVOURS, Fixture};

/// A migration that no release has yet.
const MIGRATION: &str =
    "insert into schema_migrations (version, inserted_at) values (99990101000000, now());";

/// A change that matters: the column may hold what a removal has to empty.
const DIARY: &str = "alter table users add diary text;";

const READING: [&str; 10] = [
    "user list",
    "user show alice",
    "user invites",
    "user delete_activities alice --dry-run",
    "user rm alice --dry-run",
    "user deactivate_all_from_instance spam.example --dry-run",
    "repair counters --dry-run",
    "prune activities --dry-run",
    "prune objects --dry-run",
    "purge instance spam.example --dry-run",
];

const WRITING: [&str; 17] = [
    "user delete_activities alice --yes --inline",
    "user delete_activities alice --yes --queue",
    "user rm alice --yes --inline",
    "user deactivate alice",
    "user toggle_activated alice",
    "user deactivate_all_from_instance spam.example --yes --inline",
    "user confirm_all --yes --inline",
    "user new carol c@peer.example -y --password x",
    "user set alice --admin",
    "user tag alice spam",
    "user sign_out alice",
    "user invite",
    "repair counters --inline",
    "prune activities --yes --inline",
    "prune objects --yes --inline",
    "purge instance spam.example --yes --inline",
    "migrate",
];

async fn fixture(flavour: Flavour, change: &'static str) -> Result<Fixture> {
    let fixture = Fixture::new(flavour).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    fixture.world.remote("mallory", "spam.example").await?;
    fixture.sql(MIGRATION).await?;
    fixture.sql(change).await?;
    Ok(fixture)
}

/// Fingerprint in a refusal.
fn fingerprint(stderr: &str) -> Result<String> {
    let (_, after) = stderr.split_once("server.accept_unknown = \"").context("no fingerprint")?;
    Ok(after.split('"').next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_newer_release_that_changed_what_matters_is_only_read() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour, DIARY).await?;
        for command in READING {
            let done = fixture.run(command)?;
            ensure!(done.code == 0, "{command}: {done:?}");
            let says = done.stderr.contains("unknown: column users.diary text");
            ensure!(says == command.contains("--dry-run"), "{command}: {done:?}");
        }
        for (command, done) in WRITING.iter().zip(fixture.all_refused(&WRITING).await?) {
            ensure!((done.stdout.as_str(), done.code) == ("", 4), "{flavour} {command}: {done:?}");
            ensure!(
                done.stderr.contains("unknown: column users.diary text"),
                "{command}: {done:?}"
            );
        }
        let done = fixture.run("worker")?;
        ensure!(done.code == 4 && done.stderr.contains("users.diary"), "{done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_newer_release_that_changed_nothing_that_matters_is_written_to() -> Result<()> {
    let elsewhere = "create table diaries (id bigserial); alter table filters add colour text;
                     create index on users (name);";
    for flavour in FLAVOURS {
        let fixture = fixture(flavour, elsewhere).await?;
        for command in READING.iter().chain(&["migrate", "user tag alice spam"]) {
            let done = fixture.run(command)?;
            ensure!(done.code == 0 && !done.stderr.contains("unknown:"), "{command}: {done:?}");
        }
        let done = fixture.run("user delete_activities alice --yes --inline")?;
        ensure!(done.code == 0, "{done:?}");
        let posts: Vec<String> =
            sqlx::query_scalar("select id::text from activities where data ->> 'type' = 'Create'")
                .fetch_all(&fixture.pool())
                .await?;
        ensure!(posts.is_empty(), "{posts:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_fingerprint_accepts_exactly_what_was_shown() -> Result<()> {
    const TAG: &str = "user tag alice spam";
    let fixture = fixture(Flavour::Akkoma, DIARY).await?;
    let refused = fixture.refused(TAG).await?;
    insta::assert_snapshot!(refused.stderr, @r#"
    error: this database looks like Akkoma 3.16 to 3.19, but has migrations that no release of it known to ostrakon has (up to 99990101000000), and differs in what ostrakon writes:
      unknown: column users.diary text
    Nothing was changed. Reading and --dry-run work. Update ostrakon. If you know that these differences do not matter, this accepts exactly them: server.accept_unknown = "xlcZ62LbItP1ZSsZ"
    "#);
    let accepted = |fingerprint: &str, command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        let program = Ostrakon::on(&fixture.database);
        program.with("OSTRAKON_SERVER_ACCEPT_UNKNOWN", fingerprint).run(&words)
    };
    let wrong = accepted("0123456789abcdef", TAG)?;
    ensure!(wrong.code == 4, "{wrong:?}");
    let shown = fingerprint(&refused.stderr)?;
    let done = accepted(&shown, TAG)?;
    ensure!(done.code == 0, "{done:?}");
    fixture.sql("alter table oban_jobs add unit text not null default ''").await?;
    let done = accepted(&shown, TAG)?;
    ensure!(done.code == 4 && done.stderr.contains("column oban_jobs.unit text"), "{done:?}");
    ensure!(fingerprint(&done.stderr)? != shown);
    // No acceptance helps a statement to find what is not there.
    fixture.sql("alter table users drop mascot").await?;
    let done = accepted(&shown, TAG)?;
    ensure!(done.code == 4 && done.stderr.contains("cannot do without"), "{done:?}");
    Ok(())
}

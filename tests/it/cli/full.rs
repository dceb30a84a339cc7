//! A result that cannot be printed is not a success, and a secret that was never shown is not kept.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use anyhow::{Context as _, Result};
use testkit::{Done, Flavour, Ostrakon};

use super::Fixture;

/// A disk that is always full.
fn full() -> Result<File> {
    OpenOptions::new().write(true).open("/dev/full").context("/dev/full cannot be opened")
}

/// Runs a command whose standard output goes to the full disk.
fn printed_in_vain(ostrakon: &Ostrakon, line: &str) -> Result<Done> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let child = ostrakon.command(&words).stdout(full()?).stderr(Stdio::piped()).spawn()?;
    Ok(child.wait_with_output()?.into())
}

fn says_so(line: &str, done: &Done) {
    assert_eq!(done.code, 1, "{line}: {done:?}");
    assert!(done.stderr.contains("No space left on device"), "{line}: {done:?}");
}

#[tokio::test]
async fn what_cannot_be_printed_is_a_failure() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    fixture.world.remote("bob", "far.example").await?;
    let run = fixture.queue("user delete_activities alice --yes")?;
    fixture.run("user sign_out alice")?;
    let looks = [
        "--help".to_owned(),
        "--version".to_owned(),
        "help user rm".to_owned(),
        "user new --help".to_owned(),
        "user list".to_owned(),
        "user show alice".to_owned(),
        "user invites".to_owned(),
        "user convert_id 1".to_owned(),
        "user deactivate bob@far.example --dry-run".to_owned(),
        "runs list".to_owned(),
        format!("runs show {run}"),
        format!("runs watch {run} --wait-timeout 1ms"),
        "actions".to_owned(),
        "metrics".to_owned(),
        "migrate".to_owned(),
        "migrate --print-grants".to_owned(),
        "config show".to_owned(),
    ];
    let before = fixture.rows().await?;
    for line in &looks {
        for json in ["", " --json"] {
            let line = format!("{line}{json}");
            // These print nothing, or are refused.
            let nothing = ["metrics --json", "user invites --json", "help user rm --json"];
            if nothing.contains(&line.as_str()) {
                continue;
            }
            let done = printed_in_vain(&fixture.ostrakon, &line)?;
            if line.contains("watch") {
                assert_eq!(done.code, 7, "{done:?}");
            } else {
                says_so(&line, &done);
            }
        }
    }
    assert!(before == fixture.rows().await?, "rows changed");
    // These changes stay, and the error says so.
    for line in [
        "user set alice --locked",
        "user tag alice x",
        "user deactivate bob@far.example --inline",
        &format!("runs pause {run}"),
        &format!("runs cancel {run} --json"),
    ] {
        let done = printed_in_vain(&fixture.ostrakon, line)?;
        says_so(line, &done);
        assert!(done.stderr.contains("stays done"), "{line}: {done:?}");
    }
    assert!(fixture.run("user show alice")?.stdout.contains("active, confirmed, approved, locked"));
    assert!(fixture.run("user show bob@far.example")?.stdout.contains("deactivated"));
    Ok(())
}

/// Counts the rows that a lost link would have left.
async fn secrets(fixture: &Fixture) -> Result<i64> {
    let count = "select (select count(*) from user_invite_tokens)
                      + (select count(*) from password_reset_tokens)
                      + (select count(*) from users) + (select count(*) from ostrakon.actions)";
    Ok(sqlx::query_scalar(count).fetch_one(&fixture.database.pool()).await?)
}

#[tokio::test]
async fn a_secret_that_nobody_saw_does_not_stay() -> Result<()> {
    // On one flavour only: generating keys and hashing passwords takes time.
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    let before = secrets(&fixture).await?;
    for line in ["invite", "reset_password alice", "new carol carol@mail.example -y"] {
        for json in ["", " --json"] {
            if line.starts_with("new") && !json.is_empty() {
                continue;
            }
            let line = format!("user {line}{json}");
            let done = printed_in_vain(&fixture.ostrakon, &line)?;
            says_so(&line, &done);
            assert!(done.stderr.contains("nothing was changed"), "{line}: {done:?}");
            // A reader that has closed its pipe has not seen the secret either.
            let words: Vec<&str> = line.split_whitespace().collect();
            let mut command = fixture.ostrakon.command(&words);
            let (reader, writer) = std::io::pipe()?;
            drop(reader);
            let child = command.stdout(writer).stderr(Stdio::piped()).spawn()?;
            let done = Done::from(child.wait_with_output()?);
            assert_eq!(done.code, 1, "{line}: {done:?}");
            assert!(done.stderr.contains("Broken pipe"), "{line}: {done:?}");
        }
    }
    assert_eq!(secrets(&fixture).await?, before);
    Ok(())
}

#[tokio::test]
async fn whoever_has_read_enough_is_not_blamed() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture
        .sql(
            "insert into users (id, nickname, ap_id, bio, local, inserted_at, updated_at)
             select gen_random_uuid(), 'u' || i, 'https://peer.example/users/u' || i, '', true, now(), now()
             from generate_series(1, 20000) i",
        )
        .await?;
    let mut command = fixture.ostrakon.command(&["user", "list"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut first = String::new();
    // The pipe is closed after one line.
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut first)?;
    assert!(first.starts_with('u'), "{first}");
    let done = Done::from(child.wait_with_output()?);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    Ok(())
}

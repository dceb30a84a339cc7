//! Commands on a selection, or on what selectors match: exactly these accounts, by id.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{Done, Flavour};

use super::{FLAVOURS, Fixture};
use crate::worker::eventually;

/// Three spammers, an admin among them by name, a remote account, and one that nothing is done to.
async fn fixture(flavour: Flavour) -> Result<Fixture> {
    let mut fixture = Fixture::without_server(flavour).await?;
    // So few accounts are a large share of all; `cli::guards` is about that.
    fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_GUARD_MAX_SHARE_PERCENT", "100");
    for nickname in ["spam1", "spam2", "spam3", "spam_boss", "alice"] {
        let account = fixture.world.local(nickname).await?;
        account.posts("hello").create().await?;
    }
    fixture.world.remote("spam4", "spam.example").await?.posts("hi").create().await?;
    fixture.sql("update users set is_admin = true where nickname = 'spam_boss'").await?;
    fixture
        .sql(
            "insert into apps (client_name, redirect_uris, scopes, inserted_at, updated_at)
             values ('app', '', '{}', '2025-01-01', '2025-01-01');
             insert into oauth_tokens (app_id, user_id, token, refresh_token, inserted_at, updated_at)
             select (select max(id) from apps), id, 'token ' || nickname, 'refresh ' || nickname,
                    '2025-01-01', '2025-01-01'
             from users where local",
        )
        .await?;
    Ok(fixture)
}

/// Nicknames of the accounts for which a condition holds.
async fn which(fixture: &Fixture, condition: &str) -> Result<BTreeSet<String>> {
    let sql = format!(
        "select nickname::text from (select u.*, to_jsonb(u) as j from users u) as u where {condition}"
    );
    let names: Vec<String> =
        sqlx::query_scalar(testkit::put_together(sql)).fetch_all(&fixture.pool()).await?;
    Ok(names.into_iter().collect())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn succeeds(fixture: &Fixture, line: &str) -> Result<Done> {
    let done = fixture.run(line)?;
    ensure!(done.code == 0, "{line}: {done:?}");
    Ok(done)
}

const ALL: &[&str] = &["spam1", "spam2", "spam3", "spam4@spam.example"];
const LOCAL: &[&str] = &["spam1", "spam2", "spam3"];

#[tokio::test]
async fn immediate_commands_change_exactly_these_accounts() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        fixture.sql("update users u set confirmation_token = 'x'").await?;
        let unconfirmed =
            "coalesce(j ->> 'is_confirmed' = 'false', j ->> 'confirmation_pending' = 'true')";
        succeeds(&fixture, "select --nick spam* --save wave")?;
        let done = succeeds(&fixture, "user tag --selection wave --yes Wave night")?;
        assert_eq!(done.stdout.lines().count(), 4, "{done:?}");
        assert_eq!(which(&fixture, "tags @> '{wave,night}'").await?, set(ALL), "{flavour}");
        succeeds(&fixture, "user untag --nick spam* --local --yes wave")?;
        assert_eq!(which(&fixture, "'wave' = any (tags)").await?, set(&ALL[3..]), "{flavour}");

        let done = succeeds(&fixture, "user set --selection wave --yes --locked --no-confirmed")?;
        assert!(done.stderr.contains("they are of other servers: 1 account."), "{done:?}");
        let locked = "(j ->> 'is_locked')::boolean";
        assert_eq!(which(&fixture, locked).await?, set(LOCAL), "{flavour}");
        assert_eq!(which(&fixture, unconfirmed).await?, set(LOCAL), "{flavour}");
        succeeds(&fixture, "user confirm --unconfirmed --nick spam?* --yes")?;
        assert_eq!(which(&fixture, unconfirmed).await?, set(&[]), "{flavour}");

        succeeds(&fixture, "user sign_out --selection wave --yes --reason ticket")?;
        let signed_in = "id in (select user_id from oauth_tokens)";
        assert_eq!(which(&fixture, signed_in).await?, set(&["spam_boss", "alice"]), "{flavour}");
        let actions = succeeds(&fixture, "actions --json --limit 100")?;
        let actions: Vec<Value> =
            actions.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let signed_out: BTreeSet<String> = actions
            .iter()
            .filter(|action| action["command"] == "sign_out" && action["reason"] == "ticket")
            .filter_map(|action| action["subject"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(signed_out, set(LOCAL), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn runs_are_made_for_exactly_these_accounts() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        let posts = "ap_id in (select actor from activities where data ->> 'type' = 'Create')";
        let inactive = "coalesce(j ->> 'is_active' = 'false', j ->> 'deactivated' = 'true')";
        succeeds(&fixture, "select --nick spam* --save wave")?;
        succeeds(&fixture, "user deactivate --selection wave --yes --inline")?;
        assert_eq!(which(&fixture, inactive).await?, set(ALL), "{flavour}");
        let group: (i64, i64) =
            sqlx::query_as("select count(*), count(distinct group_id) from ostrakon.runs")
                .fetch_one(&fixture.pool())
                .await?;
        assert_eq!(group, (4, 1), "{flavour}");
        succeeds(&fixture, "user activate --nick spam* --yes --inline")?;
        assert_eq!(which(&fixture, inactive).await?, set(&[]), "{flavour}");
        succeeds(&fixture, "user delete_activities --selection wave --remote --yes --inline")?;
        assert_eq!(
            which(&fixture, posts).await?,
            set(&["spam1", "spam2", "spam3", "spam_boss", "alice"])
        );
        succeeds(&fixture, "user delete_activities --selection wave --yes --inline")?;
        assert_eq!(which(&fixture, posts).await?, set(&["spam_boss", "alice"]), "{flavour}");
        succeeds(&fixture, "user rm --selection wave --yes --inline")?;
        assert_eq!(which(&fixture, inactive).await?, set(LOCAL), "{flavour}");
        assert_eq!(which(&fixture, "email is null and local").await?, set(LOCAL), "{flavour}");
        // What is so already needs no run.
        let runs = "select count(*) from ostrakon.runs where job = 'deactivate_user'";
        let count = async || sqlx::query_scalar::<_, i64>(runs).fetch_one(&fixture.pool()).await;
        let before = count().await?;
        succeeds(&fixture, "user activate --nick alice --nick spam4 --yes --inline")?;
        assert_eq!(count().await?, before, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_changed_without_a_yes() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    succeeds(&fixture, "select --nick spam* --save wave")?;
    let commands =
        ["rm", "deactivate", "delete_activities", "confirm", "sign_out", "set --locked", "tag x"];
    let mut lines = Vec::new();
    for command in commands {
        lines.push((format!("user {command} --selection wave"), 4, "add --yes to do it"));
        lines.push((format!("user {command} --selection wave --dry-run"), 0, ""));
        lines.push((format!("user {command} --selection ghost --yes"), 3, "No selection ghost"));
        lines.push((format!("user {command} --nick nobody* --yes"), 3, "No account matches"));
    }
    for (line, code, reason) in [
        ("user rm --selection wave spam1 --yes", 2, "cannot be used with"),
        ("user rm --selection wave --nick spam* --yes", 2, "cannot be used with"),
        ("user rm --remote --yes", 2, "of this server only"),
        ("user rm --host spam.example --yes", 2, "of this server only"),
        ("user sign_out --selection wave --remote --yes", 2, "of this server only"),
        ("user rm --include-subdomains --yes", 2, "needs --host"),
        ("user rm spam1 --include-changed --yes", 2, "not both"),
        ("user delete_activities spam1 --nick spam2 --yes", 2, "not both"),
        ("user delete_activities spam1 --selection wave --yes", 2, "not both"),
        ("user set --selection wave --yes", 2, "nothing is to be set"),
        ("user tag --selection wave --yes", 2, "no tag was given"),
        ("user sign_out spam1 --dry-run", 2, "for many accounts"),
        ("user tag spam1 x --yes", 2, "for many accounts"),
        ("user confirm --selection wave --yes --as alice", 4, "not an active local admin"),
        ("user deactivate --selection wave --yes --as alice", 4, "not an active local admin"),
    ] {
        lines.push((line.to_owned(), code, reason));
    }
    let words: Vec<&str> = lines.iter().map(|(line, ..)| line.as_str()).collect();
    for (done, (line, code, reason)) in fixture.all_refused(&words).await?.iter().zip(&lines) {
        assert_eq!(done.code, *code, "{line}: {done:?}");
        assert!(done.stderr.contains(reason), "{line}: {done:?}");
        if *code == 0 {
            assert!(done.stdout.ends_with("Nothing was changed.\n"), "{line}: {done:?}");
            assert!(done.stdout.contains("of the 5 local ones"), "{line}: {done:?}");
        }
    }
    let planned = fixture.run("user sign_out --selection wave --dry-run --json")?;
    let object: Value = serde_json::from_str(&planned.stdout)?;
    let expected = json!({
        "dry_run": true, "command": "sign_out", "selection": "wave", "accounts": 3, "local": 3,
        "all_local": 5, "staff_left_out": 0, "changed_left_out": 0,
    });
    assert_eq!(object, expected);
    Ok(())
}

#[tokio::test]
async fn the_number_of_many_accounts_is_typed() -> Result<()> {
    let mut fixture = fixture(Flavour::Pleroma).await?;
    fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_GUARD_TYPED_ABOVE", "2");
    for (line, typed, code) in [
        ("user tag --nick spam* x", "y\n", 4),
        ("user tag --nick spam* x", "5\n", 4),
        ("user rm --nick spam* --inline", "yes\n", 4),
        ("user tag --nick spam1 --nick spam2 x", "\n", 4),
    ] {
        let before = fixture.rows().await?;
        let done = fixture.ostrakon.run_on_terminal(line, typed)?;
        assert_eq!(done.code, code, "{line}: {done:?}");
        assert!(before == fixture.rows().await?, "rows changed: {done:?}");
    }
    let done = fixture.ostrakon.run_on_terminal("user tag --nick spam* x", "4\n")?;
    assert!(done.code == 0 && done.stdout.contains("type the number of accounts (4):"), "{done:?}");
    assert_eq!(which(&fixture, "'x' = any (tags)").await?, set(ALL));
    let done = fixture.ostrakon.run_on_terminal("user tag --nick spam1 --nick spam2 y", "y\n")?;
    assert!(done.code == 0 && done.stdout.contains("Go on? [y/N]"), "{done:?}");
    assert_eq!(which(&fixture, "'y' = any (tags)").await?, set(&["spam1", "spam2"]));
    Ok(())
}

#[tokio::test]
async fn accounts_that_have_changed_are_left_out() -> Result<()> {
    let fixture = fixture(Flavour::Akkoma).await?;
    fixture.sql("update users set is_confirmed = false where nickname like 'spam%'").await?;
    succeeds(&fixture, "select --unconfirmed --nick spam* --save wave")?;
    fixture
        .sql(
            "update users set is_confirmed = true where nickname = 'spam2';
             update users set is_admin = true where nickname = 'spam3'",
        )
        .await?;
    let done = succeeds(&fixture, "user deactivate --selection wave --yes --inline")?;
    for line in [
        "Changed since, and left out: 2 accounts:\n",
        "  spam2: its address is confirmed\n",
        "  spam3: it is an admin or moderator\n",
    ] {
        assert!(done.stderr.contains(line), "{done:?}");
    }
    assert_eq!(which(&fixture, "not is_active").await?, set(&["spam1"]));
    succeeds(&fixture, "user deactivate --selection wave --include-changed --yes --inline")?;
    assert_eq!(which(&fixture, "not is_active").await?, set(&["spam1", "spam2"]));
    Ok(())
}

/// Holds the row of an account until the transaction ends.
async fn hold(fixture: &Fixture, nickname: &str) -> Result<sqlx::PgTransaction<'static>> {
    let mut held = fixture.pool().begin().await?;
    sqlx::query("select 1 from users where nickname = $1::citext for update")
        .bind(nickname)
        .execute(&mut *held)
        .await?;
    Ok(held)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_stops_no_other_account() -> Result<()> {
    let mut fixture = fixture(Flavour::Pleroma).await?;
    fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_BATCH_LOCK_TIMEOUT", "50ms");
    let held = hold(&fixture, "spam2").await?;
    let done = fixture.run("user tag --nick spam* x --yes")?;
    assert_eq!(done.code, 6, "{done:?}");
    assert!(done.stderr.contains("error: spam2: the server holds a lock"), "{done:?}");
    assert!(done.stderr.contains("tag: 3 of 4 accounts done, 1 failed"), "{done:?}");
    let alone = fixture.run("user tag --nick spam2 x --yes")?;
    assert!(alone.code == 1 && alone.stderr.contains("failed for all of 1 account"), "{alone:?}");
    held.rollback().await?;
    let expected = set(&["spam1", "spam3", "spam4@spam.example"]);
    assert_eq!(which(&fixture, "'x' = any (tags)").await?, expected);
    Ok(())
}

/// The changes were asked for, not the lines about them.
#[tokio::test]
async fn a_reader_may_go_away() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let mut command = fixture.ostrakon.command(&["user", "tag", "--nick", "spam*", "--yes", "x"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    let done = Done::from(child.wait_with_output()?);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(which(&fixture, "'x' = any (tags)").await?, set(ALL));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_between_two_accounts() -> Result<()> {
    let mut fixture = fixture(Flavour::Pleroma).await?;
    fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_BATCH_LOCK_TIMEOUT", "1m");
    let held = hold(&fixture, "spam2").await?;
    let mut command = fixture.ostrakon.command(&["user", "tag", "--nick", "spam*", "--yes", "x"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pool = fixture.pool();
    eventually("the command waits", async || {
        let waits = "select exists (select from pg_stat_activity
                     where datname = current_database() and wait_event_type = 'Lock')";
        let waits: bool = sqlx::query_scalar(waits).fetch_one(&pool).await?;
        Ok(waits.then_some(()))
    })
    .await?;
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    ensure!(sent.success());
    held.rollback().await?;
    let done = Done::from(child.wait_with_output()?);
    let said = done.stderr.lines().last().context("nothing was said")?;
    assert_eq!(done.code, 130, "{done:?}");
    assert!(said.contains("Stopped: 2 of 4 accounts done, 0 failed, 2 not begun."), "{said}");
    assert_eq!(which(&fixture, "'x' = any (tags)").await?, set(&["spam1", "spam2"]));
    Ok(())
}

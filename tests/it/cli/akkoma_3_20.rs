//! What differs on Akkoma from 3.20 on: addresses of new accounts, and the index by which accounts
//! are found.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::{Database, Ostrakon, Release, flake_text};
use uuid::Uuid;

use crate::worker::eventually;

async fn database() -> Result<(Database, Ostrakon)> {
    let database = Database::of_release(Release::named("akkoma-3.20")?).await?;
    let ostrakon = Ostrakon::with_least_rights(&database).await?;
    Ok((database, ostrakon.with("OSTRAKON_INSTANCE_URL", "https://peer.example")))
}

fn run(ostrakon: &Ostrakon, line: &str) -> Result<testkit::Done> {
    ostrakon.run(&line.split_whitespace().collect::<Vec<_>>())
}

async fn row(database: &Database) -> Result<Value> {
    let row = sqlx::query_scalar("select to_jsonb(u) from users u where nickname = 'alice'");
    Ok(row.fetch_one(&database.pool()).await?)
}

#[tokio::test]
async fn a_new_account_has_the_addresses_of_its_id() -> Result<()> {
    let (database, ostrakon) = database().await?;
    let done = run(&ostrakon, "user new alice alice@peer.example -y")?;
    ensure!(done.code == 0, "{done:?}");
    let alice = row(&database).await?;
    let id: Uuid = alice["id"].as_str().context("no id")?.parse()?;
    let ap_id = format!("https://peer.example/users/by-id/{}", flake_text(id));
    for (column, value) in [
        ("ap_id", ap_id.clone()),
        ("inbox", format!("{ap_id}/inbox")),
        ("outbox", format!("{ap_id}/outbox")),
        ("follower_address", format!("{ap_id}/followers")),
        ("following_address", format!("{ap_id}/following")),
        ("featured_address", format!("{ap_id}/collections/featured")),
        ("uri", "https://peer.example/users/alice".to_owned()),
    ] {
        ensure!(alice[column] == value.as_str(), "{column}: {}", alice[column]);
    }
    let key: String = sqlx::query_scalar("select key_id from signing_keys where user_id = $1")
        .bind(id)
        .fetch_one(&database.pool())
        .await?;
    ensure!(key == format!("{ap_id}#main-key"), "{key}");
    Ok(())
}

#[tokio::test]
async fn a_nickname_is_taken_in_any_case() -> Result<()> {
    let (database, ostrakon) = database().await?;
    ensure!(run(&ostrakon, "user new alice alice@peer.example -y")?.code == 0);
    let before = row(&database).await?;
    let done = run(&ostrakon, "user new ALICE other@peer.example -y")?;
    ensure!(done.code != 0 && done.stderr.contains("taken"), "{done:?}");
    ensure!(row(&database).await? == before);
    let shown = run(&ostrakon, "user show Alice --json")?;
    ensure!(shown.code == 0 && shown.stdout.contains("/users/by-id/"), "{shown:?}");
    Ok(())
}

/// The running server forgets accounts soon: nobody has to restart it.
#[tokio::test]
async fn what_the_server_remembers_expires() -> Result<()> {
    let (_database, ostrakon) = database().await?;
    let done = run(&ostrakon, "user new alice alice@peer.example -y")?;
    ensure!(done.code == 0, "{done:?}");
    for command in ["user tag alice spam", "user set alice --locked", "user confirm_all --dry-run"]
    {
        let done = run(&ostrakon, command)?;
        let said = format!("{}{}", done.stdout, done.stderr);
        ensure!(done.code == 0 && !said.to_lowercase().contains("restart"), "{done:?}");
        let is_plan = command.contains("dry-run");
        ensure!(is_plan || said.contains("ignores it for up to 25 s"), "{done:?}");
    }
    Ok(())
}

/// There is no other index: an account would be searched for in the whole table.
#[tokio::test]
async fn accounts_are_found_by_the_index_that_there_is() -> Result<()> {
    let (database, ostrakon) = database().await?;
    sqlx::raw_sql(
        "insert into users (id, nickname, ap_id, bio, local, is_active, inserted_at, updated_at)
         select gen_random_uuid(), 'member' || n, 'https://far.example/users/' || n, '', false, true, now(), now()
         from generate_series(1, 2000) n;
         analyze users",
    )
    .execute(&database.pool())
    .await?;
    let read = "select coalesce(sum(idx_scan), 0)::bigint from pg_stat_user_indexes
                where indexrelname = 'users_casefolded_nickname_index'";
    let scans =
        async || anyhow::Ok(sqlx::query_scalar::<_, i64>(read).fetch_one(&database.pool()).await?);
    let before = scans().await?;
    let shown = run(&ostrakon, "user show MEMBER7")?;
    ensure!(shown.code == 0, "{shown:?}");
    // A session reports its figures when it ends.
    eventually("the index to be read", async || anyhow::Ok((scans().await? > before).then_some(())))
        .await
}

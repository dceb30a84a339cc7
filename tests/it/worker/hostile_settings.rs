//! Settings of a role or of a database that would change what statements mean, or end them.

use std::io::{BufRead as _, BufReader, Read as _};

use anyhow::{Context as _, Result, ensure};
use sqlx::{Executor as _, PgPool, postgres::PgPoolOptions};
use testkit::{Flavour, Ostrakon, Postgres, put_together};

use super::{
    history::load_story,
    process::Worker,
    stage::{Stage, quick},
};

/// Settings that are told to a person instead, or that mean nothing to a session.
const LEFT_ALONE: [&str; 4] = [
    "default_transaction_read_only",
    "transaction_read_only",
    "transaction_deferrable",
    "transaction_isolation",
];

/// Values that hurt, of settings that are neither on nor off.
const HURTFUL: [(&str, &str); 17] = [
    ("statement_timeout", "1ms"),
    ("lock_timeout", "1ms"),
    ("idle_in_transaction_session_timeout", "1ms"),
    ("idle_session_timeout", "20ms"),
    ("search_path", "nowhere"),
    ("DateStyle", "SQL, DMY"),
    ("TimeZone", "Asia/Kathmandu"),
    ("extra_float_digits", "-15"),
    ("gin_fuzzy_search_limit", "1"),
    ("jit_above_cost", "0"),
    ("work_mem", "64kB"),
    ("from_collapse_limit", "1"),
    ("join_collapse_limit", "1"),
    ("cursor_tuple_fraction", "0"),
    ("random_page_cost", "0"),
    ("cpu_tuple_cost", "100"),
    ("default_text_search_config", "pg_catalog.german"),
];

/// Sets something for the role of the program, in this database only.
async fn set(pool: &PgPool, name: &str, value: &str) -> Result<()> {
    let database: String = sqlx::query_scalar("select current_database()").fetch_one(pool).await?;
    let statement =
        format!(r#"alter role ostrakon_least in database "{database}" set {name} = '{value}'"#);
    pool.execute(put_together(statement)).await.with_context(|| format!("{name} = {value}"))?;
    Ok(())
}

/// Turns round everything that a user may turn on and off, and takes the last other word of every
/// list.
async fn turn_everything_round(pool: &PgPool) -> Result<usize> {
    let settings: Vec<(String, String)> = sqlx::query_as(
        "select name, case vartype when 'bool' then case setting when 'on' then 'off' else 'on' end
                      else (select word from unnest(enumvals) with ordinality as words (word, place)
                            where word <> setting order by place desc limit 1) end
         from pg_settings
         where context = 'user' and vartype in ('bool', 'enum') and name <> all ($1)",
    )
    .bind(LEFT_ALONE)
    .fetch_all(pool)
    .await?;
    for (name, value) in &settings {
        set(pool, name, value).await?;
    }
    for (name, value) in HURTFUL {
        // search_path takes names, not a text.
        set(pool, name, value).await?;
    }
    Ok(settings.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_set_for_the_role_changes_anything() -> Result<()> {
    let stage = Stage::new().await?;
    let look = || -> Result<Vec<String>> {
        let lines = [
            "user list",
            "user show alice",
            "user delete_activities alice --dry-run",
            "runs list",
            "metrics",
        ];
        let mut seen = Vec::new();
        for line in lines {
            let done = stage.ostrakon.run(&line.split(' ').collect::<Vec<_>>())?;
            ensure!(done.code == 0, "{line}: {done:?}");
            seen.push(done.stdout + &done.stderr);
        }
        Ok(seen)
    };
    let before = look()?;
    ensure!(turn_everything_round(&stage.pool).await? > 40);
    ensure!(before == look()?, "{before:?}");
    let worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.went_straight(&id).await?;
    worker.stop()?;
    let done = stage.ostrakon.run(&["user", "deactivate", "bob", "--inline", "--yes"])?;
    ensure!(done.code == 0 && done.stderr.is_empty(), "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_only_read_is_named() -> Result<()> {
    let stage = Stage::new().await?;
    set(&stage.pool, "default_transaction_read_only", "on").await?;
    let done = stage.ostrakon.run(&["runs", "list"])?;
    let whom = "default_transaction_read_only is on for the role ostrakon_least in the database";
    ensure!(done.code == 0 && done.stderr.contains(whom), "{done:?}");
    for line in ["user deactivate alice --yes", "user deactivate alice --inline --yes", "worker"] {
        let done = stage.ostrakon.run(&line.split(' ').collect::<Vec<_>>())?;
        ensure!(done.code == 4 && done.stderr.contains(whom), "{line}: {done:?}");
    }
    stage.is_untouched().await
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_without_triggers_are_refused() -> Result<()> {
    let stage = Stage::new().await?;
    set(&stage.pool, "session_replication_role", "replica").await?;
    let done = stage.ostrakon.run(&["user", "deactivate", "alice", "--inline", "--yes"])?;
    ensure!(done.code == 4 && done.stderr.contains("session_replication_role"), "{done:?}");
    stage.is_untouched().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_waits_for_a_standby_is_explained() -> Result<()> {
    let extra = vec![("synchronous_commit".to_owned(), "on".to_owned())];
    let postgres = Postgres::start_with(testkit::PostgresOptions { durable: false, extra })?;
    let url = postgres.url("postgres");
    let pool = PgPoolOptions::new().connect(&url).await?;
    pool.execute(Flavour::Pleroma.schema()).await?;
    load_story(&pool).await?;
    let ostrakon = quick(Ostrakon::at(&url), testkit::redis()?.url());
    ostrakon.migrate()?;
    pool.execute("alter system set synchronous_standby_names = 'nobody'").await?;
    pool.execute("select pg_reload_conf()").await?;
    let mut command = ostrakon.command(&["user", "deactivate", "alice", "--inline", "--yes"]);
    let mut child =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn()?;
    let mut reported = BufReader::new(child.stderr.take().context("no standard error")?);
    let mut line = String::new();
    reported.read_line(&mut line)?;
    ensure!(line.contains("synchronous_standby_names") && line.contains("Ctrl-C"), "{line}");
    pool.execute("alter system reset synchronous_standby_names").await?;
    pool.execute("select pg_reload_conf()").await?;
    let mut rest = String::new();
    reported.read_to_string(&mut rest)?;
    ensure!(child.wait()?.success(), "{rest}");
    Ok(())
}

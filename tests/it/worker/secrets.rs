//! Passwords are in no log, no error, no ledger and no list of processes, at any level of the log.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use sqlx::{Connection as _, PgConnection, PgPool};
use testkit::{Done, Flavour, Ostrakon, Postgres, Redis};

use super::{
    history::load_story,
    stage::{eventually, reaches},
};

const POSTGRES_PASSWORD: &str = "pg-Zx81sesame";
const REDIS_PASSWORD: &str = "redis-Zx82sesame";
/// In all passwords, also the wrong ones.
const MARK: &str = "sesame";

/// A PostgreSQL and a Redis that want passwords, with a server's database and the community.
struct Guarded {
    server: Postgres,
    redis: Redis,
    pool: PgPool,
    folder: tempfile::TempDir,
}

impl Guarded {
    async fn start() -> Result<Self> {
        let server = Postgres::start()?;
        let mut admin = PgConnection::connect(&server.url("postgres")).await?;
        sqlx::raw_sql("create database guarded").execute(&mut admin).await?;
        let pool = PgPool::connect(&server.url("guarded")).await?;
        sqlx::raw_sql(Flavour::Pleroma.schema()).execute(&pool).await?;
        load_story(&pool).await?;
        let redis = Redis::start()?;
        let password = format!(">{REDIS_PASSWORD}");
        redis.command(&["ACL", "SETUSER", "ostrakon", "on", &password, "~*", "+@all"])?;
        let guarded = Self { server, redis, pool, folder: tempfile::tempdir()? };
        Ostrakon::at(&guarded.server.url("guarded")).migrate()?;
        sqlx::raw_sql("create role ostrakon login superuser password 'pg-Zx81sesame'")
            .execute(&guarded.pool)
            .await?;
        // From now on that role needs its password.
        sqlx::raw_sql(
            "do $$ begin
                 execute format('copy (select unnest(array[
                     ''host all ostrakon 127.0.0.1/32 scram-sha-256'',
                     ''host all all 127.0.0.1/32 trust''])) to %L', current_setting('hba_file'));
             end $$;
             select pg_reload_conf()",
        )
        .execute(&guarded.pool)
        .await?;
        eventually("a server that wants passwords", async || {
            let open = PgConnection::connect(&guarded.postgres_url("wrong")).await;
            Ok(open.is_err().then_some(()))
        })
        .await?;
        Ok(guarded)
    }

    fn postgres_url(&self, password: &str) -> String {
        self.server.url("guarded").replace("postgres@", &format!("ostrakon:{password}@"))
    }

    fn redis_url(&self, password: &str) -> String {
        self.redis.url().replace("redis://", &format!("redis://ostrakon:{password}@"))
    }

    /// Writes a config file that only its owner may read.
    fn config(&self, name: &str, postgres: &str, redis: &str) -> Result<String> {
        let path = self.folder.path().join(name);
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        write!(
            file,
            "[database]\nurl = \"{postgres}\"\n[redis]\nurl = \"{redis}\"\n\
             [worker]\nreconcile_interval = \"200ms\"\n"
        )?;
        Ok(path.to_str().context("an odd path")?.to_owned())
    }

    /// Everything in schema `ostrakon`.
    async fn ledger(&self) -> Result<String> {
        let dump = "select schema_to_xml('ostrakon', true, false, '')::text";
        Ok(sqlx::query_scalar(dump).fetch_one(&self.pool).await?)
    }
}

fn is_silent(what: &str, text: &str) -> Result<()> {
    let Some(place) = text.find(MARK) else { return Ok(()) };
    let start = text.floor_char_boundary(place.saturating_sub(200));
    anyhow::bail!("{what} tells a password: …{}", &text[start..place + MARK.len()])
}

fn says(done: &Done, code: i32) -> Result<()> {
    is_silent("the standard output", &done.stdout)?;
    is_silent("the standard error", &done.stderr)?;
    ensure!(done.code == code, "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_shown_nowhere() -> Result<()> {
    let guarded = Guarded::start().await?;
    let config = guarded.config(
        "ostrakon.toml",
        &guarded.postgres_url(POSTGRES_PASSWORD),
        &guarded.redis_url(REDIS_PASSWORD),
    )?;
    let ostrakon = Ostrakon::nowhere().with("OSTRAKON_CONFIG", &config);
    let log = guarded.folder.path().join("log");
    let mut worker = ostrakon
        .command(&["worker", "-vv"])
        .stdout(File::create(&log)?)
        .stderr(File::options().append(true).open(&log)?)
        .spawn()?;
    let done = ostrakon.run(&["user", "delete_activities", "alice", "--yes", "--json", "-vv"])?;
    says(&done, 0)?;
    let run: serde_json::Value = serde_json::from_str(&done.stdout)?;
    let id = run["run_id"].as_str().context("no run")?;
    reaches(&guarded.pool, id, "succeeded").await?;
    for line in ["config show -vv", "config show --json", "runs list -vv", "actions -vv"] {
        says(&ostrakon.run(&line.split(' ').collect::<Vec<_>>())?, 0)?;
    }
    // What every user of the machine sees of the process, and what its own user sees.
    let process = Path::new("/proc").join(worker.id().to_string());
    for file in ["cmdline", "environ", "comm", "status"] {
        is_silent(file, &String::from_utf8_lossy(&fs::read(process.join(file))?))?;
    }
    let seen: String = sqlx::query_scalar(
        "select string_agg(concat_ws(' ', application_name, query), '; ') from pg_stat_activity",
    )
    .fetch_one(&guarded.pool)
    .await?;
    is_silent("pg_stat_activity", &seen)?;

    // Both servers begin to refuse the passwords, and drop the connections.
    guarded.redis.command(&["ACL", "SETUSER", "ostrakon", "resetpass", ">other"])?;
    guarded.redis.command(&["CLIENT", "KILL", "USER", "ostrakon"])?;
    sqlx::raw_sql(
        "alter role ostrakon password 'other';
         select pg_terminate_backend(pid) from pg_stat_activity where usename = 'ostrakon'",
    )
    .execute(&guarded.pool)
    .await?;
    says(&ostrakon.run(&["runs", "list", "-vv"])?, 8)?;
    let logins = "select count(*) from pg_stat_activity where usename = 'ostrakon'";
    let left: i64 = sqlx::query_scalar(logins).fetch_one(&guarded.pool).await?;
    ensure!(left == 0, "{left} connections are left");
    let stopped = Command::new("kill").arg(worker.id().to_string()).status()?;
    ensure!(stopped.success());
    worker.wait()?;
    let log = fs::read_to_string(log)?;
    ensure!(log.contains(r#""target":"sqlx::query""#), "no log at the lowest level: {log}");
    is_silent("the worker's log", &log)?;
    is_silent("the ledger", &guarded.ledger().await?)?;
    ensure!(guarded.ledger().await?.contains(id), "the ledger was not read");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_that_are_refused_are_shown_nowhere() -> Result<()> {
    let guarded = Guarded::start().await?;
    let good = guarded.postgres_url(POSTGRES_PASSWORD);
    let redis = guarded.redis_url(REDIS_PASSWORD);
    let queue = ["user", "delete_activities", "alice", "--yes", "--require-redis", "-vv"];
    for (postgres, redis, code) in [
        (guarded.postgres_url("wrong-sesame"), redis.clone(), 8),
        (good.clone(), guarded.redis_url("wrong-sesame"), 8),
        (good.clone(), redis.replace("127.0.0.1", "127.0.0.1:notaport:"), 2),
        (format!("postgres://ostrakon:{MARK}@127.0.0.1:1/guarded"), redis.clone(), 8),
        (format!("postgres://ostrakon:{MARK}@127.0.0.1:notaport/guarded"), redis.clone(), 2),
        (format!("postgers://ostrakon:{MARK}@127.0.0.1/guarded"), redis.clone(), 2),
        (format!("{good}?sslmode=verify-full&sslrootcert=/nowhere"), redis.clone(), 2),
    ] {
        let ostrakon = Ostrakon::at(&postgres).with("OSTRAKON_REDIS_URL", redis);
        says(&ostrakon.run(&queue)?, code).with_context(|| postgres.clone())?;
        if code == 2 {
            says(&ostrakon.run(&["worker", "-vv"])?, code)?;
        }
    }
    // A file that is not TOML, with the password in the line that is wrong.
    let broken = guarded.config("broken.toml", &format!("{good}\" x"), &redis)?;
    says(&Ostrakon::nowhere().run(&["runs", "list", "--config", &broken, "-vv"])?, 2)?;
    // A file that everybody may read: used, and warned of.
    let open = guarded.config("open.toml", &good, &redis)?;
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644))?;
    let done = Ostrakon::nowhere().run(&["runs", "list", "--config", &open, "-vv"])?;
    says(&done, 0)?;
    ensure!(done.stderr.contains("holds a password and every user of this machine may read it"));
    is_silent("the ledger", &guarded.ledger().await?)
}

//! Environment of every bench: servers, the program, and recording of the figures.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use sqlx::{Connection as _, PgConnection};
use testkit::{
    Community, Ostrakon, Postgres, PostgresOptions, Redis, build,
    console::{say, show},
    named_database,
};

use super::figures::Judge;
use super::record::{Recorder, ram_mib};

/// The seeded database that each measurement copies, and the copy that it works on.
pub(super) const SEEDED: &str = "seeded";
pub(super) const COPY: &str = "copy";

/// Surroundings of an account: as many accounts and relations as on a large server.
const LARGE: Community = Community {
    posts: 1_000,
    local_accounts: 50_000,
    other_accounts: 200_000,
    spam_accounts: 1_000,
    spam_follows: 3,
};

/// Enlarges a few of the account's posts to a megabyte each.
const LARGE_POSTS: &str = "
    update objects set data = jsonb_set(data, '{content}', to_jsonb(repeat('Rain, trains and bread. ', 43690)))
    where id in (select o.id from objects o
                 where o.data ->> 'actor' = 'https://social.example/users/prolific' and o.data ->> 'type' = 'Note'
                 order by o.id limit 5 offset 100)";

/// Options of every bench.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Common {
    /// Number of measurements; the medians count.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) rounds: u32,
    /// Use few accounts instead of a large server's: faster to create, but the bounds mean nothing.
    #[arg(long)]
    pub(super) small: bool,
    /// Append the raw figures to FILE, one JSON object per line.
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
}

/// Servers and program. Drop ends them.
#[derive(Debug)]
pub(super) struct BenchEnv {
    pub(super) ostrakon: Ostrakon,
    pub(super) postgres: Postgres,
    pub(super) redis: Redis,
    pub(super) recorder: Recorder,
    pub(super) judge: Judge,
    pub(super) rounds: u32,
    small: bool,
}

impl BenchEnv {
    /// Builds the program and starts the servers.
    pub(super) async fn prepare(common: &Common) -> Result<Self> {
        let ostrakon = build::release().await?;
        let postgres = start_server()?;
        let redis = Redis::start()?;
        let mut admin = PgConnection::connect(&postgres.url("postgres")).await?;
        sqlx::raw_sql("create extension pg_stat_statements").execute(&mut admin).await?;
        admin.close().await?;
        let recorder = Recorder::new(common.record.clone(), &postgres).await?;
        show(recorder.describe());
        let (judge, rounds) = (Judge::default(), common.rounds);
        let small = common.small;
        Ok(Self { ostrakon, postgres, redis, recorder, judge, rounds, small })
    }

    /// Returns the community of this bench; the bench adapts the size that it varies.
    pub(super) fn community(&self) -> Community {
        if self.small || self.judge.lenient { Community::default() } else { LARGE }
    }

    /// Creates a database with a community and ostrakon's own tables, and runs the statements
    /// `more` in it.
    pub(super) async fn seed(
        &mut self,
        database: &'static str,
        community: Community,
        more: &'static str,
    ) -> Result<()> {
        self.seed_among(database, community, 1, more).await
    }

    /// Seeds like [`seed`](Self::seed), with the prolific account's posts shared among `authors`
    /// accounts.
    pub(super) async fn seed_among(
        &mut self,
        database: &'static str,
        community: Community,
        authors: i32,
        more: &'static str,
    ) -> Result<()> {
        say(format!("xtask: seeding {} posts, {database} …", community.posts));
        named_database::drop_database(&self.postgres, database).await?;
        named_database::create_database(&self.postgres, database).await?;
        let mut db = self.connect(database).await?;
        community.seed_among(&mut db, authors).await?;
        sqlx::raw_sql(LARGE_POSTS).execute(&mut db).await?;
        sqlx::raw_sql(more).execute(&mut db).await?;
        sqlx::raw_sql("vacuum analyze").execute(&mut db).await?;
        db.close().await?;
        self.use_database(database);
        self.answer(&["migrate"]).await.map(drop)
    }

    /// Connects the program to a database from now on.
    pub(super) fn use_database(&mut self, database: &str) {
        self.ostrakon.connect(&self.postgres.url(database), Some(&self.redis.url()));
    }

    /// Copies a seeded database, writes everything to disk before the measurement, and connects the
    /// program to the copy.
    pub(super) async fn fresh_copy(&mut self, from: &str) -> Result<()> {
        named_database::copy_database(&self.postgres, from, COPY).await?;
        self.settle().await?;
        self.use_database(COPY);
        Ok(())
    }

    /// Writes everything to disk, and resets the statement statistics and Redis.
    pub(super) async fn settle(&self) -> Result<()> {
        let mut admin = self.connect("postgres").await?;
        sqlx::raw_sql("checkpoint").execute(&mut admin).await?;
        sqlx::raw_sql("select pg_stat_statements_reset()").execute(&mut admin).await?;
        self.redis.command(&["FLUSHALL"])?;
        Ok(admin.close().await?)
    }

    pub(super) async fn connect(&self, database: &str) -> Result<PgConnection> {
        named_database::connect(&self.postgres, database).await
    }

    /// Runs a command that must succeed; returns its standard output.
    pub(super) async fn answer(&self, words: &[&str]) -> Result<String> {
        let output = self.ostrakon.async_command(words).output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("ostrakon {} failed ({}): {}", words.join(" "), output.status, said.trim_end());
        }
        String::from_utf8(output.stdout).context("ostrakon wrote no UTF-8")
    }
}

/// Starts a server with durability and memory as in production, which counts statements.
pub(super) fn start_server() -> Result<Postgres> {
    // A quarter of the machine's memory, as PostgreSQL's manual recommends. With less, the largest
    // database would not fit, while the smaller ones would.
    let shared_buffers = format!("{}MB", ram_mib().map_or(512, |mib| mib / 4));
    let settings = [
        ("shared_preload_libraries", "pg_stat_statements"),
        ("shared_buffers", shared_buffers.as_str()),
        // No automatic checkpoint or vacuum during a measurement: it would affect only one of two
        // that are compared. A checkpoint begins at half of this size; 1,000,000 posts are 15 GB.
        ("max_wal_size", "40GB"),
        ("checkpoint_timeout", "1h"),
        ("autovacuum", "off"),
    ];
    let extra = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Postgres::start_with(PostgresOptions { durable: true, extra })
}

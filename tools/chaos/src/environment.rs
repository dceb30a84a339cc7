//! Servers, networks in front of them, the seeded database, and its undisturbed twin.

use anyhow::{Context as _, Result};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use testkit::{
    Clock, Ostrakon, Postgres, PostgresOptions, Proxy, Redis, State, build, console::say,
    named_database, put_together, snapshot,
};
use tokio::sync::Mutex;

use super::{ask, task};

/// The seeded database that every round copies, and the copies.
const SEEDED: &str = "seeded";
const TWIN: &str = "twin";
pub(super) const ARENA: &str = "arena";

/// Role of the workers, with minimal rights.
pub(super) const ROLE: &str = "ostrakon";

/// Prefix of all rounds' keys in Redis.
pub(super) const PREFIX: &str = "chaos";

/// Everything that outlives a round.
pub(super) struct Environment {
    /// Held while a fault affects the server.
    pub(super) postgres: Mutex<Postgres>,
    /// Held while a fault affects the server.
    pub(super) redis: Mutex<Redis>,
    /// One worker's network to PostgreSQL, with the URL through it.
    pub(super) postgres_link: (Proxy, String),
    /// One worker's network to Redis, with the URL through it.
    pub(super) redis_link: (Proxy, String),
    /// One worker's clock.
    pub(super) clock: Clock,
    /// The program, connected to the arena.
    pub(super) ostrakon: Ostrakon,
    /// Rows before the first task.
    pub(super) before: State,
    /// Rows after all tasks were performed undisturbed.
    pub(super) after: State,
    admin_url: String,
}

impl Environment {
    /// Starts the servers, seeds the database and performs all tasks once undisturbed.
    pub(super) async fn build(backend: &str) -> Result<Self> {
        let mut ostrakon = build::for_chaos().await?;
        // A crowd of clients needs more connections than the default.
        let extra = vec![("max_connections".to_owned(), "600".to_owned())];
        let postgres = Postgres::start_with(PostgresOptions { durable: true, extra })?;
        let redis = Redis::start()?;
        say("chaos: seeding, and doing everything once undisturbed …");
        named_database::create_database(&postgres, SEEDED).await?;
        let seeding = relaxed_pool(&postgres.url(SEEDED))?;
        sqlx::raw_sql("create role ostrakon login").execute(&seeding).await?;
        ostrakon.connect(&postgres.url(SEEDED), None);
        ostrakon.perform(&["migrate"]).await?;
        let grants = ostrakon.answer(&["migrate", "--print-grants"]).await?;
        sqlx::raw_sql(put_together(grants)).execute(&seeding).await?;
        sqlx::raw_sql(include_str!("chaos.sql")).execute(&seeding).await?;
        task::settle(&seeding).await?;
        sqlx::raw_sql("vacuum analyze").execute(&seeding).await?;
        let before = snapshot(&seeding).await?;
        seeding.close().await;

        named_database::copy_database(&postgres, SEEDED, TWIN).await?;
        ostrakon.connect(&postgres.url_as(ROLE, "", TWIN), None);
        for task in task::phases().iter().flatten() {
            ask::undisturbed(&ostrakon, task).await?;
        }
        let reference_db =
            PgPoolOptions::new().max_connections(1).connect(&postgres.url(TWIN)).await?;
        let after = snapshot(&reference_db).await?;
        reference_db.close().await;

        let arena_url = postgres.url_as(ROLE, "", ARENA);
        let postgres_link = Proxy::before(&arena_url).await?;
        let redis_link = Proxy::before(&redis.url()).await?;
        ostrakon.connect(&arena_url, Some(&redis.url()));
        ostrakon.set("OSTRAKON_REDIS_PREFIX", PREFIX);
        ostrakon.set("OSTRAKON_QUEUE_BACKEND", backend);
        Ok(Self {
            admin_url: postgres.url(ARENA),
            postgres: Mutex::new(postgres),
            redis: Mutex::new(redis),
            postgres_link,
            redis_link,
            clock: Clock::set_by("+0")?,
            ostrakon,
            before,
            after,
        })
    }

    /// Creates a fresh arena; returns a superuser's pool for it.
    pub(super) async fn fresh_arena(&self) -> Result<PgPool> {
        named_database::copy_database(&*self.postgres.lock().await, SEEDED, ARENA).await?;
        let options: PgConnectOptions = self.admin_url.parse()?;
        let pool = PgPoolOptions::new().max_connections(8).min_connections(0);
        Ok(pool.connect_lazy_with(options.application_name("chaos")))
    }
}

/// Returns a pool for thousands of small transactions that need not survive a power cut.
fn relaxed_pool(url: &str) -> Result<PgPool> {
    let options: PgConnectOptions = url.parse().context("the URL of our own server")?;
    let options = options.options([("synchronous_commit", "off")]);
    Ok(PgPoolOptions::new().max_connections(2).connect_lazy_with(options))
}

//! Servers, networks in front of them, and the communities of the rounds.

use anyhow::{Context as _, Result};
use sqlx::{
    Connection as _, Executor as _, PgConnection,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};
use testkit::{
    Clock, Ostrakon, Postgres, PostgresOptions, Proxy, Redis, Release, build, named_database,
};
use tokio::sync::Mutex;

use super::community::Community;

/// Copy of a community's database, in which a round is played.
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
    /// One for each release.
    communities: Vec<Community>,
    admin_url: String,
}

impl Environment {
    /// Starts the servers, and builds a community on each release.
    pub(super) async fn build(backend: &str, releases: &[&'static Release]) -> Result<Self> {
        let mut ostrakon = build::for_chaos().await?;
        // A crowd of clients needs more connections than the default.
        let extra = vec![("max_connections".to_owned(), "600".to_owned())];
        let postgres = Postgres::start_with(PostgresOptions { durable: true, extra })?;
        let redis = Redis::start()?;
        let mut admin = PgConnection::connect(&postgres.url("postgres")).await?;
        admin.execute("create role ostrakon login").await?;
        admin.close().await?;
        let mut communities = Vec::new();
        for release in releases {
            communities.push(Community::build(&postgres, &mut ostrakon, release).await?);
        }
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
            communities,
        })
    }

    /// Community of a round: each release in turn.
    pub(super) fn community(&self, round: u32) -> Result<&Community> {
        let turns = u32::try_from(self.communities.len())?;
        let turn = round.wrapping_sub(1).checked_rem(turns).context("there is no community")?;
        self.communities.get(usize::try_from(turn)?).context("there is no such community")
    }

    /// Creates a fresh arena; returns a superuser's pool for it.
    pub(super) async fn fresh_arena(&self, community: &Community) -> Result<PgPool> {
        let postgres = self.postgres.lock().await;
        named_database::copy_database(&postgres, &community.database, ARENA).await?;
        let options: PgConnectOptions = self.admin_url.parse()?;
        let pool = PgPoolOptions::new().max_connections(8).min_connections(0);
        Ok(pool.connect_lazy_with(options.application_name("chaos")))
    }
}

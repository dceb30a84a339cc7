//! A seeded database, and the rows that the tasks leave if nothing disturbs them.

use anyhow::{Context as _, Result};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use testkit::{
    Ostrakon, Postgres, Release, State, console::say, named_database, put_together, snapshot,
};

use super::{ask, environment::ROLE, task};

/// Copy in which the tasks are performed undisturbed.
const TWIN: &str = "twin";

/// Community on a server of one release.
pub(super) struct Community {
    pub(super) release: &'static Release,
    /// Seeded database, which rounds copy.
    pub(super) database: String,
    /// Rows before the first task.
    pub(super) before: State,
    /// Rows after all tasks were performed undisturbed.
    pub(super) after: State,
}

impl Community {
    /// Seeds a database with the tables of a release, and performs all tasks once undisturbed.
    pub(super) async fn build(
        postgres: &Postgres,
        ostrakon: &mut Ostrakon,
        release: &'static Release,
    ) -> Result<Self> {
        say(format!("chaos: seeding {}, and doing everything once undisturbed …", release.name));
        let database = format!("seeded_{}", release.name.replace(['-', '.'], "_"));
        named_database::create_database_of(postgres, &database, release).await?;
        let seeding = relaxed_pool(&postgres.url(&database))?;
        ostrakon.connect(&postgres.url(&database), None);
        ostrakon.perform(&["migrate"]).await?;
        let grants = ostrakon.answer(&["migrate", "--print-grants"]).await?;
        sqlx::raw_sql(put_together(grants)).execute(&seeding).await?;
        sqlx::raw_sql(include_str!("chaos.sql")).execute(&seeding).await?;
        task::settle(release.base, &seeding).await?;
        sqlx::raw_sql("vacuum analyze").execute(&seeding).await?;
        let before = snapshot(&seeding).await?;
        seeding.close().await;

        named_database::copy_database(postgres, &database, TWIN).await?;
        ostrakon.connect(&postgres.url_as(ROLE, "", TWIN), None);
        for task in task::phases().iter().flatten() {
            ask::undisturbed(ostrakon, task).await?;
        }
        let twin = PgPoolOptions::new().max_connections(1).connect(&postgres.url(TWIN)).await?;
        let after = snapshot(&twin).await?;
        twin.close().await;
        Ok(Self { release, database, before, after })
    }
}

/// Returns a pool for thousands of small transactions that need not survive a power cut.
fn relaxed_pool(url: &str) -> Result<PgPool> {
    let options: PgConnectOptions = url.parse().context("the URL of our own server")?;
    let options = options.options([("synchronous_commit", "off")]);
    Ok(PgPoolOptions::new().max_connections(2).connect_lazy_with(options))
}

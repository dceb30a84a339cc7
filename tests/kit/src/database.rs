//! One private database per test, copied from a template of its flavour.

use std::thread;

use anyhow::{Context as _, Result, anyhow};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
use uuid::Uuid;

use crate::flavour::Flavour;
use crate::release::Release;
use crate::servers;
use crate::sql::put_together;

/// Key of the advisory lock that serialises the creation of templates and roles: many test
/// processes start simultaneously.
const ADMIN_LOCK: i64 = 0x6f73_7472_616b;

/// A database with the schema of a flavour, or none, and no rows. Deleted on drop, together with
/// its connections.
#[derive(Debug)]
pub struct Database {
    flavour: Option<Flavour>,
    /// Statements that made the tables of its release of the flavour's.
    changes: &'static [&'static str],
    name: String,
    url: String,
    pool: PgPool,
}

impl Database {
    /// Creates a database of this flavour on the server of the test run.
    pub async fn create(flavour: Flavour) -> Result<Self> {
        let server = servers::postgres()?;
        let mut admin = PgConnection::connect(server.url())
            .await
            .context("cannot connect to the PostgreSQL of the tests")?;
        let template = template(&mut admin, flavour).await?;
        Self::copy(admin, &template, Some(flavour)).await
    }

    /// Creates a database with the tables of a release; its flavour is the release's base.
    pub async fn of_release(release: &Release) -> Result<Self> {
        Self::changed(release.base, release.changes).await
    }

    /// Creates a database with the tables of another one, and no rows.
    pub async fn like(other: &Self) -> Result<Self> {
        Self::changed(other.flavour(), other.changes).await
    }

    async fn changed(flavour: Flavour, changes: &'static [&'static str]) -> Result<Self> {
        let mut database = Self::create(flavour).await?;
        database.changes = changes;
        for change in changes {
            sqlx::raw_sql(*change)
                .execute(&database.pool)
                .await
                .context("the schema of the release cannot be made")?;
        }
        Ok(database)
    }

    /// Creates a database without a server's schema.
    pub async fn bare() -> Result<Self> {
        let server = servers::postgres()?;
        let admin = PgConnection::connect(server.url())
            .await
            .context("cannot connect to the PostgreSQL of the tests")?;
        Self::copy(admin, "template0", None).await
    }

    async fn copy(
        mut admin: PgConnection,
        template: &str,
        flavour: Option<Flavour>,
    ) -> Result<Self> {
        let server = servers::postgres()?;
        let kind = flavour.map_or("bare", Flavour::name);
        let name = format!("t_{kind}_{}", Uuid::new_v4().simple());
        let statement = format!("create database {name} template {template}");
        sqlx::query(put_together(statement))
            .execute(&mut admin)
            .await
            .with_context(|| format!("cannot copy the template {template}"))?;
        admin.close().await?;
        let url = server.database_url(&name);
        let pool = PgPoolOptions::new().max_connections(10).connect_lazy(&url)?;
        Ok(Self { flavour, changes: &[], name, url, pool })
    }

    /// Returns the flavour of the schema.
    ///
    /// # Panics
    /// If the database has none.
    #[expect(clippy::expect_used, reason = "a test that asks has made a schema")]
    pub fn flavour(&self) -> Flavour {
        self.flavour.expect("the database has no schema of a server")
    }

    /// Statements that made its release's tables of the flavour's.
    pub(crate) fn changes(&self) -> &'static [&'static str] {
        self.changes
    }

    /// Returns the URL of this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a pool of at most 10 connections; every call returns the same pool.
    pub fn pool(&self) -> PgPool {
        self.pool.clone()
    }

    /// Grants rights in this database to a role that owns nothing, and returns the URL for that
    /// role. Creates the role if the server has none of that name. `grants` is SQL.
    pub async fn grant(&self, role: &str, grants: &str) -> Result<String> {
        let mut admin = PgConnection::connect(servers::postgres()?.url()).await?;
        locked(&mut admin, async |admin| {
            let known = "select exists (select 1 from pg_roles where rolname = $1)";
            if !sqlx::query_scalar(known).bind(role).fetch_one(&mut *admin).await? {
                let created = format!("create role {role} login");
                sqlx::query(put_together(created)).execute(admin).await?;
            }
            Ok(())
        })
        .await?;
        admin.close().await?;
        sqlx::raw_sql(put_together(grants)).execute(&self.pool).await?;
        let mut url = url::Url::parse(&self.url)?;
        url.set_username(role).map_err(|()| anyhow!("{} takes no user", self.url))?;
        Ok(url.into())
    }

    /// Deletes every row in schema `public` except those of `schema_migrations`. This is cheaper
    /// than another database for a test that goes through many states.
    pub async fn empty(&self) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        transaction.execute("set local session_replication_role = replica").await?;
        let tables: Vec<String> = sqlx::query_scalar(
            "select format('%I', relname) from pg_class
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
               and relname <> 'schema_migrations'",
        )
        .fetch_all(&mut *transaction)
        .await?;
        let statements: Vec<String> =
            tables.iter().map(|table| format!("delete from {table}")).collect();
        sqlx::raw_sql(put_together(statements.join(";"))).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = self.name.clone();
        // Drop is not async, and a runtime cannot be entered twice on one thread. A database that
        // is left behind does no harm: the server's folder is deleted at the end of the run.
        let _ = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(drop_database(&name))
        })
        .join();
    }
}

async fn drop_database(name: &str) -> Result<()> {
    let mut admin = PgConnection::connect(servers::postgres()?.url()).await?;
    let statement = format!("drop database if exists {name} with (force)");
    sqlx::query(put_together(statement)).execute(&mut admin).await?;
    Ok(admin.close().await?)
}

/// Returns the name of a flavour's template, and creates the template if the server has none yet.
async fn template(admin: &mut PgConnection, flavour: Flavour) -> Result<String> {
    let name = format!("tpl_{flavour}_{:016x}", fingerprint(flavour.schema()));
    if is_template(admin, &name).await? {
        return Ok(name);
    }
    locked(admin, async |admin| match is_template(admin, &name).await {
        Ok(false) => make_template(admin, flavour, &name).await,
        Ok(true) => Ok(()),
        Err(error) => Err(error),
    })
    .await
    .with_context(|| format!("cannot make the template of {flavour}"))?;
    Ok(name)
}

/// Calls `make` under the lock, to create something that a server has only once.
async fn locked(
    admin: &mut PgConnection,
    make: impl AsyncFnOnce(&mut PgConnection) -> Result<()>,
) -> Result<()> {
    sqlx::query("select pg_advisory_lock($1)").bind(ADMIN_LOCK).execute(&mut *admin).await?;
    let outcome = make(admin).await;
    sqlx::query("select pg_advisory_unlock($1)").bind(ADMIN_LOCK).execute(&mut *admin).await?;
    outcome
}

async fn is_template(admin: &mut PgConnection, name: &str) -> Result<bool> {
    let known = "select exists (select 1 from pg_database where datname = $1 and datistemplate)";
    Ok(sqlx::query_scalar(known).bind(name).fetch_one(admin).await?)
}

async fn make_template(admin: &mut PgConnection, flavour: Flavour, name: &str) -> Result<()> {
    // A process killed half-way leaves a database that is not yet marked as a template.
    let cleared = format!("drop database if exists {name} with (force)");
    sqlx::query(put_together(cleared)).execute(&mut *admin).await?;
    let created = format!("create database {name} template template0 encoding 'UTF8'");
    sqlx::query(put_together(created)).execute(&mut *admin).await?;
    let mut inside = PgConnection::connect(&servers::postgres()?.database_url(name)).await?;
    sqlx::raw_sql(flavour.schema()).execute(&mut inside).await?;
    inside.close().await?;
    let marked = format!("alter database {name} with is_template true");
    sqlx::query(put_together(marked)).execute(admin).await?;
    Ok(())
}

/// Hashes with FNV-1a: the same result in every process and with every compiler.
pub fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

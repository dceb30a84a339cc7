//! Creating and checking schema `ostrakon`.

use std::fmt::Write as _;

use sqlx::{
    PgConnection,
    migrate::{MigrateError, Migrator},
};

use super::owner::{Owners, be_oneself};
use crate::error::waited_in_vain;

/// State of the ledger's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// The schema has the version that this program knows.
    Current,
    /// `ostrakon migrate` was never run in this database.
    Missing,
    /// An older program created it: `ostrakon migrate` updates it.
    Older,
    /// A newer program created it.
    Newer,
}

/// Reason why the schema was not created or updated. Each migration is applied as a whole or not at
/// all.
#[derive(Debug, thiserror::Error)]
pub enum MigrateFailed {
    /// Another session is migrating.
    #[error("another session is running `ostrakon migrate` in this database now{0}")]
    Busy(String),
    /// A table was not released in time.
    #[error("ostrakon's tables are in use and were waited for in vain{0}")]
    InUse(String),
    /// The schema would not belong, or cannot be given, to the database's owner.
    #[error("{0}")]
    Owner(String),
    /// A migration failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// PostgreSQL reported an error.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Key of the advisory lock that lets only one process migrate; ostrakon's own.
const ADVISORY_LOCK: &str = "ostrakon migrate";

/// Creates the migrator, with its bookkeeping outside of the server's schema.
fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../../migrations");
    migrator.dangerous_set_table_name("ostrakon._sqlx_migrations");
    migrator.create_schema("ostrakon");
    // sqlx would wait without limit for its own lock.
    migrator.set_locking(false);
    migrator
}

/// Outcome of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrated {
    /// Nothing was done: all was as it should be.
    Nothing,
    /// The tables belonged to another role, and belong to the database's owner now.
    HandedOver,
    /// Tables were created.
    Made,
    /// Tables were changed.
    Updated,
    /// Nothing was done: the tables are of a newer version.
    Newer,
}

/// Gives the tables to the database's owner, and applies the missing migrations. Safe while workers
/// run: it waits for a table in use for 5 s, and then changes nothing. Refuses to run twice
/// simultaneously.
pub async fn migrate(db: &mut PgConnection) -> Result<Migrated, MigrateFailed> {
    let owners = Owners::of(db).await?;
    // Before anything is read from tables that the role may not even see.
    owners.refuse_what_cannot_be_mended(db)?;
    let done = match schema_state(db).await? {
        SchemaState::Current if owners.are_right() => return Ok(Migrated::Nothing),
        SchemaState::Missing => Migrated::Made,
        SchemaState::Older => Migrated::Updated,
        SchemaState::Current => Migrated::HandedOver,
        SchemaState::Newer => return Ok(Migrated::Newer),
    };
    let alone: bool = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended($1, 0))")
        .bind(ADVISORY_LOCK)
        .fetch_one(&mut *db)
        .await?;
    if !alone {
        return Err(MigrateFailed::Busy(migrating(db).await?));
    }
    let lock_timeout: String =
        sqlx::query_scalar("select current_setting('lock_timeout')").fetch_one(&mut *db).await?;
    let migrated = apply(db, &owners).await;
    // The connection may be used for something else.
    be_oneself(db).await?;
    let given_back = sqlx::query(
        "select pg_advisory_unlock(hashtextextended($1, 0)), set_config('lock_timeout', $2, false)",
    )
    .bind(ADVISORY_LOCK)
    .bind(lock_timeout)
    .execute(&mut *db)
    .await;
    match migrated {
        Err(
            MigrateFailed::Migrate(
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
            )
            | MigrateFailed::Database(error),
        ) if waited_in_vain(&error) => {
            return Err(MigrateFailed::InUse(in_the_way(db).await?));
        }
        migrated => migrated?,
    }
    given_back?;
    Ok(done)
}

async fn apply(db: &mut PgConnection, owners: &Owners) -> Result<(), MigrateFailed> {
    // Each migration sets its own; this one is for the change of owner and the bookkeeping.
    sqlx::query("set lock_timeout = '5s'").execute(&mut *db).await?;
    owners.become_owner(db).await?;
    Ok(migrator().run(db).await?)
}

/// Names the session that is migrating.
async fn migrating(db: &mut PgConnection) -> sqlx::Result<String> {
    let pid: Option<i32> = sqlx::query_scalar(
        "select pid from pg_locks
         where locktype = 'advisory' and granted and objsubid = 1
           and database = (select oid from pg_database where datname = current_database())
           and (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)",
    )
    .bind(ADVISORY_LOCK)
    .fetch_optional(db)
    .await?;
    Ok(pid.map_or_else(String::new, |pid| format!(" (PostgreSQL's process {pid})")))
}

/// Names the sessions that hold a lock on one of our tables, and for how long.
async fn in_the_way(db: &mut PgConnection) -> sqlx::Result<String> {
    let holders: Vec<(i32, String, f64)> = sqlx::query_as(
        "select pid, coalesce(application_name, ''),
                coalesce(extract(epoch from clock_timestamp() - xact_start), 0)::float8
         from pg_stat_activity
         where pid <> pg_backend_pid() and pid in
           (select pid from pg_locks join pg_class on pg_class.oid = relation
            where granted and relnamespace = to_regnamespace('ostrakon')
              and database = (select oid from pg_database where datname = current_database()))
         order by xact_start",
    )
    .fetch_all(db)
    .await?;
    let mut text = String::new();
    for (pid, name, seconds) in holders {
        // Writing to a string cannot fail.
        let _written =
            write!(text, "\nPostgreSQL's process {pid} ({name}) has held them for {seconds:.0} s");
    }
    Ok(text)
}

/// Compares the schema in the database with the one this program knows.
pub async fn schema_state(db: &mut PgConnection) -> sqlx::Result<SchemaState> {
    let there: bool = sqlx::query_scalar(
        "select to_regclass('ostrakon._sqlx_migrations') is not null
            and to_regclass('ostrakon.runs') is not null",
    )
    .fetch_one(&mut *db)
    .await?;
    if !there {
        return Ok(SchemaState::Missing);
    }
    let found: Option<i64> =
        sqlx::query_scalar("select max(version) from ostrakon._sqlx_migrations where success")
            .fetch_one(db)
            .await?;
    let known = migrator().iter().map(|migration| migration.version).max();
    Ok(match found.cmp(&known) {
        std::cmp::Ordering::Less => SchemaState::Older,
        std::cmp::Ordering::Equal => SchemaState::Current,
        std::cmp::Ordering::Greater => SchemaState::Newer,
    })
}

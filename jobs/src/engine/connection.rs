//! A session of our own: what it relies on, and what stands in its way.

use sqlx::{PgConnection, Row as _};

/// What is asked for when a connection is made, so that the session is known for our own: a pooler
/// between refuses it, or swallows it. PostgreSQL gives it back.
pub const OWN_SESSION: (&str, &str) = ("ostrakon.session", "own");

/// How often two connections are compared until they are taken for two sessions.
const ROUNDS: usize = 8;

/// What a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Whether what was asked for at the connection has reached PostgreSQL; only then anything was
    /// set.
    pub own: bool,
    /// Whether the server is a standby.
    pub in_recovery: bool,
    /// Whether transactions cannot write.
    pub read_only: bool,
    /// For whom that was set, unless because the server is a standby.
    pub read_only_by: Option<String>,
    /// Whether triggers and foreign keys do nothing.
    pub without_triggers: bool,
    /// Whether commits wait for a standby, and none is there.
    pub misses_standby: bool,
}

/// Sets in a session what ostrakon relies on; the only place that does. Nothing is set, and [`Settled::own`]
/// is false, when the session may not be ours alone.
///
/// # Errors
/// Those of the connection.
pub async fn settle(db: &mut PgConnection) -> sqlx::Result<Settled> {
    let row = sqlx::raw_sql(include_str!("connect.sql")).fetch_one(db).await?;
    Ok(Settled {
        own: row.try_get::<String, _>("session")? == OWN_SESSION.1,
        in_recovery: row.try_get("in_recovery")?,
        read_only: row.try_get("read_only")?,
        read_only_by: row.try_get("read_only_by")?,
        without_triggers: row.try_get::<String, _>("replication_role")? != "origin",
        misses_standby: row.try_get("misses_standby")?,
    })
}

/// Takes a session for our own that did not come with what was asked for: behind a pooler that gives
/// each client a session for as long as it stays.
///
/// # Errors
/// Those of the connection.
pub async fn own(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("set ostrakon.session = 'own'").execute(db).await.map(|_done| ())
}

/// Whether a pooler gives sessions to transactions, and not to clients. Changes nothing.
///
/// # Errors
/// Those of the connections.
pub async fn shares_sessions(
    one: &mut PgConnection,
    other: &mut PgConnection,
) -> sqlx::Result<bool> {
    let first = (backend(one).await?, backend(other).await?);
    if first.0 == first.1 {
        return Ok(true);
    }
    for _ in 0..ROUNDS {
        // The session that was given back last is given away first.
        if (backend(one).await?, backend(other).await?) != first {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn backend(db: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::raw_sql("select pg_backend_pid()").fetch_one(db).await?.try_get(0)
}

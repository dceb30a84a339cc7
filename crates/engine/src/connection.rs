//! A session of ostrakon's own: what it relies on, and what stands in its way.

use sqlx::{PgConnection, Row as _};

/// Setting requested at connection time, by which a session is recognised as our own: a pooler in
/// between refuses or swallows it. PostgreSQL returns it.
pub const OWN_SESSION: (&str, &str) = ("ostrakon.session", "own");

/// Comparisons of two connections before they count as two sessions.
const ROUNDS: usize = 8;

/// State of a session after [`settle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Whether the requested setting has reached PostgreSQL; settings are applied only then.
    pub own: bool,
    /// Whether the server is a standby.
    pub in_recovery: bool,
    /// Whether transactions are read-only.
    pub read_only: bool,
    /// Scope in which read-only transactions are the default, such as a role or a database; `None`
    /// if a standby is the only reason.
    pub read_only_by: Option<String>,
    /// Whether triggers and foreign keys are disabled.
    pub without_triggers: bool,
    /// Whether commits wait for a standby, and none is there.
    pub misses_standby: bool,
}

/// Applies the settings that ostrakon relies on in a session; the only place that does. Applies
/// nothing, and [`Settled::own`] is false, if the session may not be ours alone.
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

/// Declares a session our own although the requested setting did not arrive: behind a pooler that
/// gives each client a session for as long as it stays.
///
/// # Errors
/// Those of the connection.
pub async fn own(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("set ostrakon.session = 'own'").execute(db).await.map(|_done| ())
}

/// Whether a pooler assigns sessions to transactions, not to clients. Changes nothing.
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
        // A pooler hands out the session that was returned last first.
        if (backend(one).await?, backend(other).await?) != first {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn backend(db: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::raw_sql("select pg_backend_pid()").fetch_one(db).await?.try_get(0)
}

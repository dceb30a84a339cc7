//! The deletion that runs alongside the foreground.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sqlx::{Connection as _, PgConnection, error::DatabaseError};
use testkit::{Community, Ostrakon, put_together};
use tokio::time::{sleep, timeout};

use super::scenario::Deletion;

/// Time limits of a deletion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Duration of everything that need not finish: no deletion at all, and deletions that spare
    /// the foreground.
    pub(super) enough: Duration,
    /// Time limit for every other bare procedure.
    pub(super) timeout: Duration,
}

/// Result of a deletion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deleted {
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    /// Number of deleted posts.
    pub(super) posts: i64,
}

/// Deletes the posts of the account in the database of this URL.
pub(super) async fn delete(
    url: &str,
    ostrakon: &Ostrakon,
    also_set: &[(String, String)],
    deletion: Deletion,
    limits: Limits,
) -> Result<Deleted> {
    let begun = Instant::now();
    match deletion {
        Deletion::None => sleep(limits.enough).await,
        Deletion::Ostrakon(settings) => {
            let whole = by_ostrakon(ostrakon, settings, also_set);
            // Cut off if it takes longer: the rest would be the same.
            timeout(limits.enough, whole).await.unwrap_or(Ok(()))?;
        }
        Deletion::Batches(rows) => {
            let call = format!("call floor_delete_activities($1, 0, 0, 0, {rows}, true)");
            call_procedure(url, &call, limits.timeout).await?;
        }
        Deletion::OneTransaction => {
            // The same number of rows per step as in the smaller batches, so that only the commits
            // are missing.
            let call = "call floor_delete_activities($1, 0, 0, 0, 250, false)";
            call_procedure(url, call, limits.timeout).await?;
        }
        Deletion::OneByOne => {
            call_procedure(url, "call one_transaction_per_post($1, 0)", limits.enough).await?;
        }
    }
    let ended = Instant::now();
    Ok(Deleted { begun, ended, posts: count(url).await? })
}

async fn by_ostrakon(
    ostrakon: &Ostrakon,
    settings: &[(&str, &str)],
    also_set: &[(String, String)],
) -> Result<()> {
    let words = ["user", "delete_activities", Community::PROLIFIC, "--inline", "--yes", "--json"];
    let mut command = ostrakon.async_command(&words);
    command.envs(also_set.iter().map(|(name, value)| (name, value)));
    command.envs(settings.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = command.output().await.context("ostrakon cannot be started")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("ostrakon failed ({}): {}", output.status, said.trim_end());
    }
    Ok(())
}

/// Calls a procedure until the limit, and repeats it after a deadlock with the server. What it has
/// not committed by then is rolled back.
async fn call_procedure(url: &str, call: &str, limit: Duration) -> Result<()> {
    let until = Instant::now() + limit;
    let mut db = PgConnection::connect(url).await?;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        sqlx::query("select set_config('statement_timeout', $1, false)")
            .bind(left.as_millis().max(1).to_string())
            .execute(&mut db)
            .await?;
        let called = sqlx::query(put_together(call)).bind(Community::PROLIFIC).execute(&mut db);
        let Err(error) = called.await else { break };
        match error.as_database_error().and_then(DatabaseError::code).as_deref() {
            Some("40P01") => {}
            Some("57014") => break,
            _ => return Err(error).context("the bare procedure failed"),
        }
    }
    Ok(db.close().await?)
}

/// Returns the number of deleted posts: each has left a Delete.
async fn count(url: &str) -> Result<i64> {
    let mut db = PgConnection::connect(url).await?;
    let posts = sqlx::query_scalar(
        "select count(*) from activities a join users u on u.ap_id = a.actor
         where u.nickname = $1 and a.data ->> 'type' = 'Delete'",
    )
    .bind(Community::PROLIFIC)
    .fetch_one(&mut db)
    .await?;
    db.close().await?;
    Ok(posts)
}

//! Removal of an account by the running server itself, once nothing of it is left to remove: the
//! only way to make the server drop the account from its memory (docs/semantics.md 7.12).

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use ostrakon_server::{Flake, ObanJob, Refresh, RemovalJob, Server, insert_oban_jobs};

/// Whether to ask the server.
pub(super) fn is_asked_for(server: &Server, row_goes: bool) -> bool {
    server.refresh == Refresh::Auto
        && match server.dialect.removal_job {
            RemovalJob::Always { .. } => true,
            RemovalJob::OfRow { .. } => row_goes,
            RemovalJob::Never => false,
        }
}

/// Asks the server, if it has such a job. The job has a single attempt: it first empties the
/// profile, in the row and in memory, and is killed after five seconds (Akkoma) if it has to skip
/// many Deletes and Undos.
pub(super) async fn ask(db: &mut PgConnection, server: &Server, account: Uuid) -> sqlx::Result<()> {
    let (RemovalJob::Always { queue, worker } | RemovalJob::OfRow { queue, worker }) =
        server.dialect.removal_job
    else {
        return Ok(());
    };
    let job = ObanJob {
        queue,
        worker,
        args: json!({ "op": "delete_user", "user_id": Flake(account).to_string() }),
        max_attempts: 1,
        priority: 0,
        scheduled_at: None,
        document: None,
    };
    insert_oban_jobs(db, &[job]).await?;
    Ok(())
}

/// Whether the server has not removed the account yet, and the deadline has not passed.
pub(super) async fn must_wait(
    db: &mut PgConnection,
    account: Uuid,
    deadline: DateTime<Utc>,
) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select clock_timestamp() < $2 and exists (
             select from public.oban_jobs
             where state in ('available', 'scheduled', 'executing', 'retryable')
               and queue in ('background', 'slow') and args ->> 'op' = 'delete_user'
               and args ->> 'user_id' = $1)",
    )
    .bind(Flake(account).to_string())
    .bind(deadline)
    .fetch_one(db)
    .await
}

/// Note for the operator on how long the running server keeps showing the profile.
pub(super) fn note(server: &Server, row_goes: bool) -> Option<String> {
    let off = server.refresh == Refresh::Off;
    let at_once = row_goes && server.publish_wait.is_zero();
    let shows = "a running server keeps showing the account's profile";
    if off || at_once {
        let why = if off { "server.refresh is off" } else { "server.publish_wait is 0s" };
        let cache = server.dialect.account_cache;
        let how_long = if cache.expires() { cache.for_how_long() } else { "until it restarts" };
        return Some(format!("{shows} {how_long}, because {why}"));
    }
    match server.dialect.removal_job {
        RemovalJob::Always { .. } => Some(format!(
            "{shows} until everything else is done, and then removes it from its memory"
        )),
        RemovalJob::OfRow { .. } => None,
        // The empty profile has no fields.
        RemovalJob::Never if server.dialect.reloads_fieldless && !row_goes => None,
        RemovalJob::Never => Some(format!("{shows} until it restarts: restart it afterwards")),
    }
}

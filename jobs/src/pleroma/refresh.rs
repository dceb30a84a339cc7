//! Telling the running server that rows of accounts have changed (docs/semantics.md 7).
//!
//! The server keeps accounts in memory and never lets them expire, so a change made by SQL alone
//! would show only after its restart.

use std::collections::HashSet;

use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Flake, Flavour, ObanJob, Refresh, Server, insert_oban_jobs};

/// What changed in a set of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// They were switched on or off, and their relations to local accounts are gone.
    Activation,
    /// Anything else.
    Fields,
}

/// What matters here of an account's row.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct AccountRow {
    /// Its id.
    pub id: Uuid,
    /// Whether its profile has no fields.
    pub fieldless: bool,
    /// Whether it is switched on.
    pub active: bool,
}

/// Has the server read accounts anew, as far as it lets itself be told. Returns how many accounts
/// it keeps showing as they were, until it restarts or changes them itself.
///
/// Called after the change and in its transaction. Never for a row that is deleted right after.
/// Pleroma reads an account anew for `verify_fields_links`, which does nothing else as long as the
/// profile has no fields; with fields it would fetch their links and rewrite them. All flavours
/// have a job that switches an account on or off, which ends its relations to local accounts as
/// well: right after exactly that, and only then, is it harmless.
pub async fn refresh_accounts(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
    changed: Changed,
) -> sqlx::Result<i64> {
    if server.refresh == Refresh::Off || accounts.is_empty() {
        return Ok(0);
    }
    let sql = match server.shape.flavour {
        Flavour::Pleroma22 => {
            "select id, raw_fields = '[]' as fieldless, not deactivated as active
             from public.users where id = any ($1) order by id"
        }
        Flavour::Pleroma | Flavour::Akkoma => {
            "select id, raw_fields = '[]' as fieldless, is_active as active
             from public.users where id = any ($1) order by id"
        }
    };
    let rows: Vec<AccountRow> = sqlx::query_as(sql).bind(accounts).fetch_all(&mut *db).await?;
    refresh_rows(db, server, rows, changed).await
}

/// The same as [`refresh_accounts`], for somebody who has just read the rows.
pub async fn refresh_rows(
    db: &mut PgConnection,
    server: &Server,
    rows: Vec<AccountRow>,
    changed: Changed,
) -> sqlx::Result<i64> {
    if server.refresh == Refresh::Off {
        return Ok(0);
    }
    let jobs: Vec<Option<ObanJob>> = rows
        .into_iter()
        .map(|row| job(server, Flake(row.id), row.fieldless, row.active, changed))
        .collect();
    let stale = jobs.iter().filter(|job| job.is_none()).count();
    insert_oban_jobs(db, &jobs.into_iter().flatten().collect::<Vec<_>>()).await?;
    Ok(i64::try_from(stale).unwrap_or(i64::MAX))
}

/// The same as [`refresh_accounts`] for [`Changed::Fields`], for accounts that one run may change
/// again and again: one that still waits to be read is not asked for twice.
///
/// The job that waits is locked until the transaction ends, so that the server cannot take it up
/// and read the row as it was before.
pub async fn refresh_again(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<i64> {
    if server.refresh == Refresh::Off || accounts.is_empty() {
        return Ok(0);
    }
    let asked: Vec<Value> = accounts.iter().map(|id| reads_anew(Flake(*id))).collect();
    let waiting: Vec<String> = sqlx::query_scalar(
        "select args ->> 'user_id' from public.oban_jobs
         where state = 'available' and queue = 'background'
           and worker = 'Pleroma.Workers.BackgroundWorker' and args = any ($1)
         order by id for no key update skip locked",
    )
    // Planned with the very accounts, so that PostgreSQL hashes them: compared with one after the
    // other, a hundred thousand jobs that wait take seconds in each batch.
    .persistent(false)
    .bind(asked)
    .fetch_all(&mut *db)
    .await?;
    let waiting: HashSet<String> = waiting.into_iter().collect();
    let left: Vec<Uuid> =
        accounts.iter().copied().filter(|id| !waiting.contains(&Flake(*id).to_string())).collect();
    refresh_accounts(db, server, &left, Changed::Fields).await
}

/// What a person should know before rows of accounts change that the running server cannot be made
/// to read anew; `None` where it can, and where it shall not.
///
/// `what` is changed, as the beginning of a sentence: `the counters of other accounts`.
pub fn stale_note(server: &Server, what: &str) -> Option<String> {
    (server.refresh == Refresh::Auto && !server.shape.is_pleroma_2_7()).then(|| stale(what))
}

/// The same for the counters that change when accounts are switched: those of local accounts that
/// they follow, or that follow them. Even where accounts can be read anew, those with fields in
/// their profile cannot.
pub async fn stale_counters_note(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<Option<String>> {
    if server.refresh == Refresh::Off {
        return Ok(None);
    }
    let with_fields = server.shape.is_pleroma_2_7();
    let concerned: bool = sqlx::query_scalar(
        "select exists (
             select from public.following_relationships r
             join public.users u on u.id = r.follower_id
             where r.following_id = any ($1) and r.state = 2 and u.local
               and (not $2 or u.raw_fields <> '[]')
         ) or exists (
             select from public.following_relationships r
             join public.users u on u.id = r.following_id
             where r.follower_id = any ($1) and r.state = 2 and u.local
               and (not $2 or u.raw_fields <> '[]')
         )",
    )
    .bind(accounts)
    .bind(with_fields)
    .fetch_one(db)
    .await?;
    let whose = if with_fields {
        "counters of related local accounts with fields in their profile"
    } else {
        "counters of related local accounts"
    };
    Ok(concerned.then(|| stale(whose)))
}

fn stale(what: &str) -> String {
    format!(
        "{what} change in the database, but the running server may go on showing and using the old \
         state until it restarts or changes the accounts itself: there is no way to have it read \
         them anew"
    )
}

/// What the job that reads an account anew is given.
fn reads_anew(account: Flake) -> Value {
    json!({ "op": "verify_fields_links", "user_id": account.to_string() })
}

fn job(
    server: &Server,
    account: Flake,
    fieldless: bool,
    active: bool,
    changed: Changed,
) -> Option<ObanJob> {
    let user_id = account.to_string();
    let args = match (server.shape.flavour, changed) {
        (Flavour::Pleroma, _) if fieldless && server.shape.is_pleroma_2_7() => reads_anew(account),
        (Flavour::Pleroma | Flavour::Akkoma, Changed::Activation) => {
            json!({ "op": "user_activation", "user_id": user_id, "status": active })
        }
        (Flavour::Pleroma22, Changed::Activation) => {
            json!({ "op": "deactivate_user", "user_id": user_id, "status": !active })
        }
        (_, Changed::Fields) => return None,
    };
    Some(ObanJob {
        queue: "background",
        worker: "Pleroma.Workers.BackgroundWorker",
        args,
        max_attempts: 20,
        priority: 0,
        scheduled_at: None,
    })
}

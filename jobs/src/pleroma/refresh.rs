//! Telling the running server that rows of accounts have changed (docs/semantics.md 7).
//!
//! The server keeps accounts in memory and never lets them expire, so a change made by SQL alone
//! would show only after its restart.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Flake, Flavour, ObanJob, Refresh, Server, insert_oban_jobs};
use crate::engine::ClaimCache;

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
    let rows = read_rows(db, server, accounts).await?;
    refresh_rows(db, server, rows, changed).await
}

async fn read_rows(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<Vec<AccountRow>> {
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
    sqlx::query_as(sql).bind(accounts).fetch_all(db).await
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
    let all = rows.len();
    let asked = ask(db, server, rows, changed).await?;
    Ok(i64::try_from(all - asked.len()).unwrap_or(i64::MAX))
}

/// Asks for accounts to be read anew, where that is possible; gives those, with the jobs' ids.
async fn ask(
    db: &mut PgConnection,
    server: &Server,
    rows: Vec<AccountRow>,
    changed: Changed,
) -> sqlx::Result<Vec<(Uuid, i64)>> {
    let job = |row: AccountRow| {
        let job = job(server, Flake(row.id), row.fieldless, row.active, changed)?;
        Some((row.id, job))
    };
    let (accounts, jobs): (Vec<Uuid>, Vec<ObanJob>) = rows.into_iter().filter_map(job).unzip();
    let ids = insert_oban_jobs(db, &jobs).await?;
    Ok(accounts.into_iter().zip(ids).collect())
}

/// The jobs by which accounts are to be read anew, as far as one run knows of them: those that
/// waited when it began, and its own. So one that still waits is found by its id, however many wait.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PendingRefreshes(ClaimCache<Option<HashMap<Uuid, i64>>>);

impl PendingRefreshes {
    /// Looks for what waits already, once.
    async fn look(&self, db: &mut PgConnection) -> sqlx::Result<()> {
        if self.0.with(|asked| asked.is_some()) {
            return Ok(());
        }
        let waiting: Vec<(String, i64)> = sqlx::query_as(
            "select args ->> 'user_id', id from public.oban_jobs
             where state = 'available' and queue = 'background'
               and worker = 'Pleroma.Workers.BackgroundWorker'
               and args ->> 'op' = 'verify_fields_links' and args ->> 'user_id' is not null
             order by id",
        )
        .fetch_all(db)
        .await?;
        let account = |(account, job): (String, i64)| {
            let Flake(account) = account.parse().ok()?;
            Some((account, job))
        };
        let waiting = waiting.into_iter().filter_map(account).collect();
        self.0.with(|asked| *asked = Some(waiting));
        Ok(())
    }

    /// The jobs that are known of accounts.
    fn of(&self, accounts: &[Uuid]) -> HashMap<i64, Uuid> {
        self.0.with(|asked| {
            let job = |account: &Uuid| Some((*asked.as_ref()?.get(account)?, *account));
            accounts.iter().filter_map(job).collect()
        })
    }

    fn extend(&self, jobs: Vec<(Uuid, i64)>) {
        self.0.with(|asked| asked.get_or_insert_default().extend(jobs));
    }
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
    asked: &PendingRefreshes,
) -> sqlx::Result<()> {
    if server.refresh == Refresh::Off || accounts.is_empty() {
        return Ok(());
    }
    asked.look(db).await?;
    let known = asked.of(accounts);
    // The state as text: by the index on states, PostgreSQL would go through all that wait whenever
    // it does not know yet how many these are.
    let waiting: Vec<i64> = sqlx::query_scalar(
        "select id from public.oban_jobs where id = any ($1) and state::text = 'available'
         order by id for no key update skip locked",
    )
    .bind(known.keys().copied().collect::<Vec<_>>())
    .fetch_all(&mut *db)
    .await?;
    let waiting: HashSet<Uuid> = waiting.iter().filter_map(|job| known.get(job)).copied().collect();
    let left: Vec<Uuid> =
        accounts.iter().copied().filter(|account| !waiting.contains(account)).collect();
    let rows = read_rows(db, server, &left).await?;
    asked.extend(ask(db, server, rows, Changed::Fields).await?);
    Ok(())
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
        document: None,
    })
}

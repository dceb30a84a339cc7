//! Making the running server reload changed accounts (docs/semantics.md 7).
//!
//! Most servers keep accounts in memory without expiry, so a change made only by SQL would not show
//! until their restart.

use crate::dialect_sql;
use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{ActivationJob, Flake, ObanJob, Refresh, Server, insert_oban_jobs};

/// Kind of change in a set of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Activation or deactivation, with the relations to local accounts removed.
    Activation,
    /// Any other change.
    Fields,
}

/// Fields of an account's row that decide how it is reloaded.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct AccountRow {
    /// Row id of the account.
    pub id: Uuid,
    /// Whether its profile has no fields.
    pub fieldless: bool,
    /// Whether the account is active.
    pub active: bool,
}

/// Asks the server to reload accounts, as far as it can be asked. Returns the number of accounts
/// that it keeps showing unchanged, until it restarts or changes them itself.
///
/// Must run after the change and in its transaction, and never for a row that is deleted soon
/// after. Pleroma reloads an account for `verify_fields_links`, which has no other effect as long
/// as the profile has no fields; with fields it would fetch their links and rewrite them. All
/// servers have a job that activates or deactivates an account, which also ends its relations to
/// local accounts: it is harmless only immediately after exactly that change.
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
    let sql = dialect_sql!(
        server,
        "select id, raw_fields = '[]' as fieldless, is_active as active
         from public.users where id = any ($1) order by id"
    );
    sqlx::query_as(sql).bind(accounts).fetch_all(db).await
}

/// Same as [`refresh_accounts`], for a caller that has just read the rows.
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

/// Queues the reload of accounts where possible; returns these accounts with the jobs' ids.
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

/// Reload jobs that one run knows of: those that were pending when it began, and its own. So it
/// finds a pending job by its id, however many are pending.
#[derive(Debug, Default)]
pub struct PendingRefreshes(Option<HashMap<Uuid, i64>>);

impl PendingRefreshes {
    /// Reads the jobs that are already pending, once.
    async fn read(&mut self, db: &mut PgConnection) -> sqlx::Result<()> {
        if self.0.is_some() {
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
        self.0 = Some(waiting.into_iter().filter_map(account).collect());
        Ok(())
    }

    /// Known jobs of accounts.
    fn of(&self, accounts: &[Uuid]) -> HashMap<i64, Uuid> {
        let Some(asked) = &self.0 else { return HashMap::new() };
        let job = |account: &Uuid| Some((*asked.get(account)?, *account));
        accounts.iter().filter_map(job).collect()
    }

    fn extend(&mut self, jobs: Vec<(Uuid, i64)>) {
        self.0.get_or_insert_default().extend(jobs);
    }
}

/// Same as [`refresh_accounts`] for [`Changed::Fields`], for accounts that one run may change
/// repeatedly: does not queue a second reload while one is pending.
///
/// The pending job is locked until the transaction ends, so that the server cannot take it and read
/// the old row.
pub async fn refresh_again(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
    asked: &mut PendingRefreshes,
) -> sqlx::Result<()> {
    if server.refresh == Refresh::Off || accounts.is_empty() {
        return Ok(());
    }
    asked.read(db).await?;
    let known = asked.of(accounts);
    // The state as text: by the index on states, PostgreSQL would read all pending jobs whenever it
    // does not know yet how many there are.
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

/// Note for the operator before rows of accounts change that the running server cannot be made to
/// reload; `None` where it can, or where reloading is disabled.
///
/// `what` is the subject of the sentence: `the counters of other accounts`.
pub fn stale_note(server: &Server, what: &str) -> Option<String> {
    (server.refresh == Refresh::Auto && !server.dialect.reloads_fieldless)
        .then(|| stale(server, what))
}

/// Note on the counters that change when accounts are activated or deactivated: those of local
/// accounts that they follow, or that follow them. Even where accounts can be reloaded, those with
/// profile fields cannot.
pub async fn stale_counters_note(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<Option<String>> {
    if server.refresh == Refresh::Off {
        return Ok(None);
    }
    let with_fields = server.dialect.reloads_fieldless;
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
    Ok(concerned.then(|| stale(server, whose)))
}

fn stale(server: &Server, what: &str) -> String {
    format!(
        "{what} change in the database, but the running server may keep showing and using the old \
         state {}: ostrakon cannot make it reload them",
        server.dialect.account_cache.for_how_long()
    )
}

/// Arguments of the job that reloads an account.
fn reload(account: Flake) -> Value {
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
    let args = match (changed, server.dialect.activation_job) {
        _ if fieldless && server.dialect.reloads_fieldless => reload(account),
        (Changed::Activation, ActivationJob::UserActivation) => {
            json!({ "op": "user_activation", "user_id": user_id, "status": active })
        }
        (Changed::Activation, ActivationJob::DeactivateUser) => {
            json!({ "op": "deactivate_user", "user_id": user_id, "status": !active })
        }
        (Changed::Fields, _) => return None,
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

//! The running server's job queue, limited to the jobs that reload, activate or deactivate
//! accounts. Each job's effects are those observed on the real servers.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use url::Url;
use uuid::Uuid;

use crate::database::Database;
use crate::flake::flake_id;
use crate::flavour::Flavour;
use crate::sql::put_together;

/// Executes Oban jobs like a server that has remembered every account since its start.
#[derive(Debug)]
pub struct ObanPlayer {
    flavour: Flavour,
    pool: PgPool,
    /// Whether each account is active, as the server remembers it.
    remembered: HashMap<Uuid, bool>,
}

/// Effects of executed jobs besides reading.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Played {
    /// Accounts that the jobs were about.
    pub accounts: Vec<Uuid>,
    /// Requested addresses.
    pub requests: Vec<String>,
    /// Ended relations: follower and followed.
    pub ended: Vec<(Uuid, Uuid)>,
    /// Failed jobs, with the reason.
    pub failed: Vec<String>,
}

/// Relevant columns of an account's row.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    active: bool,
    local: bool,
    ap_id: String,
    raw_fields: Option<Value>,
}

impl ObanPlayer {
    /// Starts the server, which has seen all existing accounts.
    pub async fn start(database: &Database) -> Result<Self> {
        Self::on(database.flavour(), database.pool()).await
    }

    /// Starts the server on a custom database with the schema of this flavour.
    pub async fn on(flavour: Flavour, pool: PgPool) -> Result<Self> {
        let mut player = Self { flavour, pool, remembered: HashMap::new() };
        let statement = format!("select id, {} from users u", player.active());
        let accounts: Vec<(Uuid, bool)> =
            sqlx::query_as(put_together(statement)).fetch_all(&player.pool).await?;
        player.remembered.extend(accounts);
        Ok(player)
    }

    /// Whether the server considers an account active.
    pub fn takes_for_active(&self, account: Uuid) -> bool {
        self.remembered.get(&account).copied().unwrap_or(true)
    }

    /// Accounts of the jobs that are due.
    pub async fn waiting(&self) -> Result<Vec<Uuid>> {
        let jobs = self.due().await?;
        jobs.iter().map(|(_, args)| account_of(args)).collect()
    }

    /// Executes all due jobs, the oldest first.
    pub async fn play(&mut self) -> Result<Played> {
        let jobs = self.due().await?;
        self.play_these(jobs).await
    }

    /// Executes at most `most` due jobs, in the given order.
    pub async fn play_some(&mut self, most: usize, order: impl Fn(i64) -> u64) -> Result<Played> {
        let mut jobs = self.due().await?;
        jobs.sort_by_key(|(id, _)| order(*id));
        jobs.truncate(most);
        self.play_these(jobs).await
    }

    async fn due(&self) -> Result<Vec<(i64, Value)>> {
        let jobs = sqlx::query_as(
            "select id, args from oban_jobs
             where state::text in ('available', 'scheduled')
               and scheduled_at <= timezone('UTC', clock_timestamp())
               and worker = 'Pleroma.Workers.BackgroundWorker'
               and args ->> 'op' in ('user_activation', 'deactivate_user', 'verify_fields_links')
             order by id",
        );
        Ok(jobs.fetch_all(&self.pool).await?)
    }

    async fn play_these(&mut self, jobs: Vec<(i64, Value)>) -> Result<Played> {
        let mut played = Played::default();
        for (id, args) in jobs {
            let mut tx = self.pool.begin().await?;
            self.perform(&mut tx, &args, &mut played).await.with_context(|| args.to_string())?;
            sqlx::query("update oban_jobs set state = 'completed' where id = $1")
                .bind(id)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
        Ok(played)
    }

    async fn perform(
        &mut self,
        db: &mut PgConnection,
        args: &Value,
        played: &mut Played,
    ) -> Result<()> {
        let account = account_of(args)?;
        played.accounts.push(account);
        let statement = format!(
            "select {} as active, local, ap_id, to_jsonb(u) -> 'raw_fields' as raw_fields
             from users u where id = $1",
            self.active()
        );
        let row: Option<Row> =
            sqlx::query_as(put_together(statement)).bind(account).fetch_optional(&mut *db).await?;
        let Some(row) = row else {
            played.failed.push(args.to_string());
            return Ok(());
        };
        let status = args["status"].as_bool();
        match (args["op"].as_str(), status) {
            (Some("verify_fields_links"), _) => self.read_anew(account, &row, played),
            (Some("user_activation"), Some(active)) => {
                self.switch(db, account, &row, active, played).await?;
            }
            (Some("deactivate_user"), Some(off)) => {
                self.switch(db, account, &row, !off, played).await?;
            }
            _ => played.failed.push(args.to_string()),
        }
        Ok(())
    }

    /// Reads the row and fetches the links of its profile.
    fn read_anew(&mut self, account: Uuid, row: &Row, played: &mut Played) {
        let fields = row.raw_fields.as_ref().and_then(Value::as_array);
        let values = fields.into_iter().flatten().filter_map(|field| field["value"].as_str());
        let links = values.filter(|value| value.starts_with("http"));
        played.requests.extend(links.map(str::to_owned));
        self.remembered.insert(account, row.active);
    }

    /// Activates or deactivates an account, unless the server remembers it that way already. Ends
    /// its relations to active local accounts, and corrects counters. The counters of a remote
    /// account are requested from its own server, once for each relation that ended.
    async fn switch(
        &mut self,
        db: &mut PgConnection,
        account: Uuid,
        row: &Row,
        active: bool,
        played: &mut Played,
    ) -> Result<()> {
        let before = self.remembered.insert(account, active).unwrap_or(row.active);
        if before != active {
            let set = match self.flavour {
                Flavour::Pleroma22 => "deactivated = not $2",
                Flavour::Pleroma | Flavour::Akkoma => "is_active = $2",
            };
            let statement = format!("update users set {set} where id = $1");
            sqlx::query(put_together(statement))
                .bind(account)
                .bind(active)
                .execute(&mut *db)
                .await?;
        }
        for follower in self.related(db, account, "following_id", "follower_id").await? {
            self.count(db, follower, "following_count", "follower_id", "following_id").await?;
        }
        for followed in self.related(db, account, "follower_id", "following_id").await? {
            let ended = sqlx::query(
                "delete from following_relationships where follower_id = $1 and following_id = $2",
            );
            ended.bind(account).bind(followed).execute(&mut *db).await?;
            played.ended.push((account, followed));
            self.count(db, followed, "follower_count", "following_id", "follower_id").await?;
            if row.local {
                self.count(db, account, "following_count", "follower_id", "following_id").await?;
            } else {
                played.requests.push(format!("{}/following", row.ap_id));
            }
        }
        Ok(())
    }

    /// Local accounts at the other end of accepted relations. Followed accounts must be active;
    /// followers must be active only in Pleroma 2.2.
    async fn related(
        &self,
        db: &mut PgConnection,
        account: Uuid,
        own: &str,
        other: &str,
    ) -> Result<Vec<Uuid>> {
        let active = if other == "following_id" || self.flavour == Flavour::Pleroma22 {
            self.active()
        } else {
            "true"
        };
        let statement = format!(
            "select u.id from following_relationships r join users u on u.id = r.{other}
             where r.{own} = $1 and r.state = 2 and u.local and {active}
               and u.nickname is not null and u.nickname not like 'internal.%' order by u.id"
        );
        Ok(sqlx::query_scalar(put_together(statement)).bind(account).fetch_all(db).await?)
    }

    async fn count(
        &self,
        db: &mut PgConnection,
        account: Uuid,
        counter: &str,
        own: &str,
        other: &str,
    ) -> Result<()> {
        let statement = format!(
            "update users set {counter} = (
                 select count(*) from following_relationships r join users u on u.id = r.{other}
                 where r.{own} = $1 and r.state = 2 and u.id <> $1 and {}
                   and u.nickname is not null and u.nickname not like 'internal.%')
             where id = $1",
            self.active()
        );
        sqlx::query(put_together(statement)).bind(account).execute(db).await?;
        Ok(())
    }

    fn active(&self) -> &'static str {
        match self.flavour {
            Flavour::Pleroma22 => "not u.deactivated",
            Flavour::Pleroma | Flavour::Akkoma => "u.is_active",
        }
    }
}

impl Played {
    /// Adds the effects of other jobs.
    pub fn extend(&mut self, other: Self) {
        self.accounts.extend(other.accounts);
        self.requests.extend(other.requests);
        self.ended.extend(other.ended);
        self.failed.extend(other.failed);
    }

    /// Checks that the jobs made no request to a host, ended no relation and did not fail.
    pub fn require_harmless(&self, host: &str) -> Result<()> {
        let of_host = |address: &&String| {
            Url::parse(address).is_ok_and(|address| address.host_str() == Some(host))
        };
        let requests: Vec<_> = self.requests.iter().filter(of_host).collect();
        ensure!(requests.is_empty(), "the server asked {host}: {requests:?}");
        ensure!(self.ended.is_empty(), "the server ended relations: {:?}", self.ended);
        ensure!(self.failed.is_empty(), "jobs failed: {:?}", self.failed);
        Ok(())
    }
}

fn account_of(args: &Value) -> Result<Uuid> {
    let text = args["user_id"].as_str().with_context(|| format!("no account in {args}"))?;
    flake_id(text).with_context(|| format!("{text} is no flake"))
}

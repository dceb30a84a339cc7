//! Deactivates every account of an instance (docs/semantics.md 3.4).

mod host;
mod sql;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

pub use host::{Host, InvalidHost};

use crate::{
    engine::{Batch, Class, Count, Job, JobError, Plan, Skipped},
    pleroma::{Flavour, Server, count_relations, set_activation},
};

/// Deactivates all accounts whose nickname is at a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeactivateInstance {
    /// The host.
    pub host: Host,
    /// Its sub-domains as well.
    #[serde(default)]
    pub include_subdomains: bool,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last account that was walked over, of whatever host.
    pub after: Uuid,
}

/// Accounts of other hosts that are walked over for each one that may be found: there is no index
/// on the host of a nickname, so the primary key is walked in windows of a bounded size.
const WINDOW: i64 = 20;

impl Job for DeactivateInstance {
    const NAME: &'static str = "deactivate_instance";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    type World = Server;
    type Cursor = Cursor;

    fn subject(&self) -> &str {
        self.host.as_str()
    }

    fn dedupe_key(&self) -> String {
        let dot = if self.include_subdomains { "." } else { "" };
        format!("deactivate_instance:{dot}{}", self.host.as_str())
    }

    async fn plan(&self, server: &Server, db: &mut PgConnection) -> Result<Plan<Cursor>, JobError> {
        self.refuse_own(server)?;
        let accounts = self.accounts(server, db, Uuid::max()).await?;
        let active = accounts.iter().filter(|(_, active)| *active).count();
        let acted_on: Vec<Uuid> = accounts.iter().map(|(id, _)| *id).collect();
        let relations = count_relations(db, server, &acted_on).await?;
        Ok(Plan {
            counts: vec![
                Count::new("accounts", i64::try_from(active).unwrap_or(i64::MAX)),
                Count::new("follow relations", relations),
            ],
            notes: self.notes(db).await?,
            cursor: Cursor { after: Uuid::nil() },
        })
    }

    async fn batch(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        self.refuse_own(server)?;
        let Some(walked) = self.walk(server, db, cursor.after, limit).await? else {
            return Ok(Batch { cursor, end: true, done: 0, parked: Vec::new() });
        };
        let mut done = 0;
        if !walked.found.is_empty() {
            let activation = set_activation(db, server, &walked.found, false).await?;
            done = activation.accounts + activation.relations;
        }
        let cursor = Cursor { after: walked.last };
        Ok(Batch { cursor, end: false, done, parked: Vec::new() })
    }

    async fn skip(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        let walked = self.walk(server, db, cursor.after, 1).await?;
        Ok(walked.and_then(|walked| {
            let account = walked.found.first()?;
            Some(Skipped { item: account.to_string(), cursor: Cursor { after: walked.last } })
        }))
    }

    async fn finish(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: &Cursor,
        parked: i64,
    ) -> Result<(), JobError> {
        let accounts = self.accounts(server, db, cursor.after).await?;
        let left = accounts.iter().filter(|(_, active)| *active).count();
        if i64::try_from(left).unwrap_or(i64::MAX) > parked {
            return Err(JobError::fail(format!(
                "the recount found {left} active accounts of {} where only the {parked} parked \
                 ones should be left",
                self.host.as_str()
            )));
        }
        Ok(())
    }
}

/// What a window held.
struct Walked {
    last: Uuid,
    found: Vec<Uuid>,
}

impl DeactivateInstance {
    fn refuse_own(&self, server: &Server) -> Result<(), JobError> {
        let own = server.host.as_str();
        let covered = self.include_subdomains && own.ends_with(&self.host.suffix());
        if covered {
            return Err(JobError::Refuse(format!(
                "{own}, this server's own host, is a sub-domain of {}: its accounts are not \
                 deactivated as an instance",
                self.host.as_str()
            )));
        }
        if self.host.as_str() == own {
            return Err(JobError::Refuse(format!(
                "{} is this server's own host: its accounts are not deactivated as an instance",
                self.host.as_str()
            )));
        }
        Ok(())
    }

    /// Tells of hosts that the original would have hit as well.
    async fn notes(&self, db: &mut PgConnection) -> Result<Vec<String>, JobError> {
        if self.include_subdomains {
            return Ok(Vec::new());
        }
        let below: i64 =
            sqlx::query_scalar(sql::COUNT_BELOW).bind(self.host.suffix()).fetch_one(db).await?;
        Ok((below > 0)
            .then(|| {
                let accounts = if below == 1 { "account" } else { "accounts" };
                format!(
                    "{below} {accounts} of sub-domains of {} left alone: add --include-subdomains \
                     to deactivate them as well",
                    self.host.as_str()
                )
            })
            .into_iter()
            .collect())
    }

    /// All accounts that the run acts on up to an id, and whether each is active.
    async fn accounts(
        &self,
        server: &Server,
        db: &mut PgConnection,
        until: Uuid,
    ) -> Result<Vec<(Uuid, bool)>, JobError> {
        let sql = match server.shape.flavour {
            Flavour::Pleroma22 => sql::ACCOUNTS_PLEROMA22,
            Flavour::Pleroma | Flavour::Akkoma => sql::ACCOUNTS,
        };
        Ok(sqlx::query_as(sql)
            .bind(self.host.as_str())
            .bind(self.host.unicode())
            .bind(self.include_subdomains.then(|| self.host.suffix()))
            .bind(until)
            .fetch_all(db)
            .await?)
    }

    /// Walks over the next accounts of all hosts, at most until `limit` of this one are found.
    async fn walk(
        &self,
        server: &Server,
        db: &mut PgConnection,
        after: Uuid,
        limit: i64,
    ) -> Result<Option<Walked>, JobError> {
        let sql = match server.shape.flavour {
            Flavour::Pleroma22 => sql::WALK_PLEROMA22,
            Flavour::Pleroma | Flavour::Akkoma => sql::WALK,
        };
        let window: Vec<(Uuid, bool)> = sqlx::query_as(sql)
            .bind(self.host.as_str())
            .bind(self.host.unicode())
            .bind(self.include_subdomains.then(|| self.host.suffix()))
            .bind(after)
            .bind(limit.saturating_mul(WINDOW))
            .fetch_all(db)
            .await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let found: Vec<Uuid> =
            window.iter().filter(|(_, found)| *found).map(|(id, _)| *id).take(limit).collect();
        let last = if found.len() == limit { found.last().copied() } else { None };
        Ok(last.or_else(|| window.last().map(|(id, _)| *id)).map(|last| Walked { last, found }))
    }
}

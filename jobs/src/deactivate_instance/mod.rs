//! Deactivates every account of an instance (docs/semantics.md 3.4).

mod host;
mod plan_all;
mod sql;
mod steps;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

pub use host::{Host, InvalidHost};
pub use plan_all::plan_all;
use sql::Statements;

use crate::{
    engine::{Batch, Class, Count, Job, JobError, Plan, Recount, Skipped, Table, tables},
    pleroma::{Asked, Server, count_relations, stale_counters_note},
};

/// Deactivates all accounts whose nickname is at a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeactivateInstance {
    /// The host.
    pub host: Host,
    /// Its sub-domains as well.
    #[serde(default)]
    pub include_subdomains: bool,
    /// The member of the staff in whose name it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Uuid>,
    /// What the server was asked to read anew.
    #[serde(skip)]
    asked: Asked,
}

/// Where a run stands: in one of three steps, behind the account that was walked over last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Cursor {
    /// Accounts of the host are switched off.
    Switch {
        /// The last account, of whatever host.
        after: Uuid,
        /// Accounts that were inactive before the run, with relations that are left alone.
        spared: Vec<Uuid>,
    },
    /// Their relations to active local accounts end.
    Unfollow {
        /// The last account, local or not.
        after: Uuid,
        /// As before.
        spared: Vec<Uuid>,
    },
    /// Local accounts that follow the host's are counted anew.
    Recount {
        /// The last account, local or not.
        after: Uuid,
    },
}

impl Job for DeactivateInstance {
    const NAME: &'static str = "deactivate_instance";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] =
        tables!["public.users", "public.following_relationships", "public.oban_jobs"];
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
        let spared = self.spared(server, db).await?;
        let mut notes = self.notes(db).await?;
        notes.extend(stale_counters_note(db, server, &acted_on).await?);
        Ok(Plan {
            counts: vec![
                Count::new("accounts", i64::try_from(active).unwrap_or(i64::MAX)),
                Count::new("follow relations", relations),
            ],
            notes,
            cursor: Cursor::Switch { after: Uuid::nil(), spared },
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
        let (done, found, next) = match cursor {
            Cursor::Switch { after, spared } => {
                let Some(walked) = self.walk(server, db, after, limit).await? else {
                    return Ok(Batch::go_on(0, Cursor::Unfollow { after: Uuid::nil(), spared }));
                };
                let done = self.switch_off(server, db, &walked.found).await?;
                (done, count(&walked.found), Cursor::Switch { after: walked.last, spared })
            }
            Cursor::Unfollow { after, spared } => {
                let (accounts, relations) = steps::ends_at_most(limit);
                let walked = Self::walk_locals(server, db, after, accounts, true).await?;
                let Some(locals) = walked else {
                    return Ok(Batch::go_on(0, Cursor::Recount { after: Uuid::nil() }));
                };
                let done = self.unfollow(server, db, &locals.found, &spared, relations).await?;
                // They may have more of them.
                let after = if done < relations { locals.last } else { after };
                (done, done, Cursor::Unfollow { after, spared })
            }
            Cursor::Recount { after } => {
                let Some(locals) = Self::walk_locals(server, db, after, limit, false).await? else {
                    let end = Cursor::Recount { after };
                    return Ok(Batch::end(end));
                };
                self.recount(server, db, &locals.found).await?;
                (0, count(&locals.found), Cursor::Recount { after: locals.last })
            }
        };
        // Those that were only walked over cost next to nothing, and then many of the host's may
        // stand side by side.
        Ok(Batch { rows: Some(found), ..Batch::go_on(done, next) })
    }

    async fn skip(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        let (walked, next): (_, fn(Uuid, Vec<Uuid>) -> Cursor) = match &cursor {
            Cursor::Switch { after, .. } => {
                (self.walk(server, db, *after, 1).await?, |after, spared| Cursor::Switch {
                    after,
                    spared,
                })
            }
            Cursor::Unfollow { after, .. } => {
                (Self::walk_locals(server, db, *after, 1, true).await?, |after, spared| {
                    Cursor::Unfollow { after, spared }
                })
            }
            Cursor::Recount { after } => {
                (Self::walk_locals(server, db, *after, 1, false).await?, |after, _| {
                    Cursor::Recount { after }
                })
            }
        };
        let spared = match cursor {
            Cursor::Switch { spared, .. } | Cursor::Unfollow { spared, .. } => spared,
            Cursor::Recount { .. } => Vec::new(),
        };
        Ok(walked.and_then(|walked| {
            let account = walked.found.first()?;
            Some(Skipped { item: account.to_string(), cursor: next(walked.last, spared) })
        }))
    }

    async fn finish(
        &self,
        server: &Server,
        db: &mut PgConnection,
        _cursor: &Cursor,
        parked: i64,
    ) -> Result<Recount<Cursor>, JobError> {
        let accounts = self.accounts(server, db, Uuid::max()).await?;
        let left = accounts.iter().filter(|(_, active)| *active).count();
        if i64::try_from(left).unwrap_or(i64::MAX) > parked {
            return Err(JobError::fail(format!(
                "the recount found {left} active accounts of {} where only the {parked} parked \
                 ones should be left",
                self.host.as_str()
            )));
        }
        Ok(Recount::Right)
    }
}

fn count(accounts: &[Uuid]) -> i64 {
    i64::try_from(accounts.len()).unwrap_or(i64::MAX)
}

impl DeactivateInstance {
    /// Asks for a host's accounts, and those of its sub-domains if that is wanted; in whose name, if
    /// it is to be in the moderation log.
    pub fn new(host: Host, include_subdomains: bool, on_behalf_of: Option<Uuid>) -> Self {
        Self { host, include_subdomains, on_behalf_of, asked: Asked::default() }
    }

    /// Refuses the server's own host, and those above it whose sub-domains are meant.
    pub fn refuse_own(&self, server: &Server) -> Result<(), JobError> {
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
        Ok((below > 0).then(|| below_note(self.host.as_str(), below)).into_iter().collect())
    }

    /// All accounts that the run acts on up to an id, and whether each is active.
    async fn accounts(
        &self,
        server: &Server,
        db: &mut PgConnection,
        until: Uuid,
    ) -> Result<Vec<(Uuid, bool)>, JobError> {
        Ok(sqlx::query_as(Statements::of(server.shape.flavour).accounts)
            .bind(self.host.as_str())
            .bind(self.host.unicode())
            .bind(self.suffix())
            .bind(until)
            .fetch_all(db)
            .await?)
    }

    /// Accounts whose relations are left alone.
    async fn spared(&self, server: &Server, db: &mut PgConnection) -> Result<Vec<Uuid>, JobError> {
        Ok(sqlx::query_scalar(Statements::of(server.shape.flavour).spared)
            .bind(self.host.as_str())
            .bind(self.host.unicode())
            .bind(self.suffix())
            .fetch_all(db)
            .await?)
    }

    /// What the names of sub-domains end with, when they are meant as well.
    fn suffix(&self) -> Option<String> {
        self.include_subdomains.then(|| self.host.suffix())
    }
}

fn below_note(host: &str, below: i64) -> String {
    let accounts = if below == 1 { "account" } else { "accounts" };
    format!(
        "{below} {accounts} of sub-domains of {host} left alone: add --include-subdomains to \
         deactivate them as well"
    )
}

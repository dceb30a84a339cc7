//! Removes everything of an instance from this database (docs/semantics.md 11).
//!
//! Each step goes over one kind of rows by an index: what the host's actors did, objects without an
//! activity, chats, relations, reports, what others did to these actors, the accounts, and at last
//! the rows about the host. [`remove`](removal) is what all steps use to remove activities and
//! objects, with what depends on them. Accounts go last: until then a worker that takes over the run
//! finds the actors again.

mod accounts;
mod activities;
mod addressed;
mod cursor;
mod keep;
mod known;
mod objects;
mod plan;
mod plan_all;
mod recheck;
mod relations;
mod removal;
mod sql;
mod traces;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

pub use cursor::{Cursor, Traces};
pub use keep::{Keep, KeepFollowed};
pub use known::ClaimState;
pub use plan::{active_followers, unknown};
pub use plan_all::plan_all;

use crate::deactivate_instance::Host;
use ostrakon_engine::{
    Batch, Class, Count, Job, JobError, Left, Plan, Recount, Skipped, Table, tables,
};
use ostrakon_server::Server;

/// Removes everything of a host, and tells nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeInstance {
    /// Host of the instance.
    pub host: Host,
    /// Whether to remove what is of its sub-domains as well.
    #[serde(default)]
    pub include_subdomains: bool,
    /// What stays.
    #[serde(default, skip_serializing_if = "Keep::is_nothing")]
    pub keep: Keep,
}

/// Maximum number of steps, or of sections of actors who have nothing, that take no batch of their
/// own.
const STEPS_MAX: usize = 20;

/// Maximum rows of a step that begins in the middle of a batch: what rows of the previous step cost
/// is no guide.
const FIRST_OF_STEP: i64 = 20;

impl Job for PurgeInstance {
    const NAME: &'static str = "purge_instance";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] = tables![
        "public.activities",
        "public.objects",
        "public.users",
        "public.following_relationships",
        "public.notifications"
    ];
    type World = Server;
    type Cursor = Cursor;
    type ClaimState = ClaimState;

    fn subject(&self) -> &str {
        self.host.as_str()
    }

    fn dedupe_key(&self) -> String {
        let dot = if self.include_subdomains { "." } else { "" };
        format!("{}:{dot}{}", Self::NAME, self.host.as_str())
    }

    async fn plan(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
    ) -> Result<Plan<Cursor>, JobError> {
        self.refuse_own(server)?;
        let known = state.known(self, db, server).await?;
        let counts = self.counts(db, server, known).await?;
        let notes = self.notes(db, server, known, &counts).await?;
        Ok(Plan { counts, notes, cursor: Cursor::START })
    }

    async fn batch(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        self.refuse_own(server)?;
        let known = state.take(self, db, server).await?;
        let batch = self.steps(db, server, (state, &known.1), cursor, limit).await;
        state.put_back(known);
        batch
    }

    async fn skip(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        let known = state.take(self, db, server).await?;
        let skipped = self.skip_one(db, server, (state, &known.1), cursor).await;
        state.put_back(known);
        skipped
    }

    async fn recheck(
        &self,
        db: &mut PgConnection,
        server: &Server,
        written: &Value,
    ) -> Result<Vec<Count>, JobError> {
        self.take_out_again(db, server, written).await
    }

    async fn count_undone(
        &self,
        db: &mut PgConnection,
        server: &Server,
        written: &Value,
    ) -> Result<i64, JobError> {
        self.count_listed_again(db, server, written).await
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        _cursor: &Cursor,
        parked: i64,
    ) -> Result<Recount<Cursor>, JobError> {
        // What arrived meanwhile, accounts included, is found by reading everything again.
        *state = ClaimState::default();
        let known = state.known(self, db, server).await?;
        let left = self.counts(db, server, known).await?.iter().map(|count| count.items).sum();
        if left > parked {
            return Ok(Recount::Left(Left {
                items: left,
                what: format!("rows of {}", self.host.as_str()),
                cursor: Cursor::START,
            }));
        }
        Ok(Recount::Right)
    }
}

impl PurgeInstance {
    /// Creates a request for a host, and for its sub-domains if `include_subdomains`.
    pub const fn new(host: Host, include_subdomains: bool, keep: Keep) -> Self {
        Self { host, include_subdomains, keep }
    }

    /// Refuses the server's own host, and its parent domains if sub-domains are included.
    pub fn refuse_own(&self, server: &Server) -> Result<(), JobError> {
        self.host.refuse_own(server, self.include_subdomains, "nothing of it is purged")
    }

    /// Spellings of the host in addresses and nicknames.
    fn spellings(&self) -> Vec<String> {
        let mut spellings = vec![self.host.as_str().to_owned(), self.host.unicode()];
        spellings.dedup();
        spellings
    }

    /// The same as the ends of names of sub-domains.
    fn suffixes_of_all(&self) -> Vec<String> {
        self.spellings().iter().map(|host| format!(".{host}")).collect()
    }

    /// Ends of the names of sub-domains that are included.
    fn suffixes(&self) -> Vec<String> {
        if self.include_subdomains { self.suffixes_of_all() } else { Vec::new() }
    }

    /// Does a batch. A step with nothing left takes no batch of its own. But in the search for a row
    /// that cannot be done, the cursor must stand immediately before that row.
    async fn steps(
        &self,
        db: &mut PgConnection,
        server: &Server,
        (state, known): (&mut ClaimState, &known::Known),
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let mut batch = self.step(db, server, (state, known), cursor, limit).await?;
        for _ in 0..STEPS_MAX {
            if limit == 1 || batch.rows != Some(0) || batch.end {
                break;
            }
            let most = limit.min(FIRST_OF_STEP);
            batch = self.step(db, server, (state, known), batch.cursor, most).await?;
        }
        Ok(batch)
    }

    async fn step(
        &self,
        db: &mut PgConnection,
        server: &Server,
        (state, known): (&mut ClaimState, &known::Known),
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        match cursor {
            Cursor::Activities { actor, after } => {
                self.activities(db, server, known, (actor, after), limit).await
            }
            Cursor::Objects { after } => {
                self.objects(db, server, (state, known), after, limit).await
            }
            Cursor::ChatMessages { after } => {
                self.chat_messages(db, server, (state, known), after, limit).await
            }
            Cursor::Relations { after } => {
                self.relations(db, server, (state, known), after, limit).await
            }
            Cursor::Reports { after } => self.reports(db, server, known, after, limit).await,
            Cursor::Addressed { actor } => self.addressed(db, server, known, actor, limit).await,
            Cursor::Accounts { after } => self.accounts(db, server, known, after, limit).await,
            Cursor::Traces { table, after } => {
                self.traces(db, server, known, (table, after), limit).await
            }
        }
    }

    /// Names the next row, and the cursor behind it.
    async fn skip_one(
        &self,
        db: &mut PgConnection,
        server: &Server,
        (state, known): (&mut ClaimState, &known::Known),
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        let skipped = |item: String, cursor| Some(Skipped { item, cursor });
        Ok(match cursor {
            Cursor::Activities { actor, after } => {
                let next = self.next_activities(db, server, known, (&actor, after), 1).await?;
                next.first().and_then(|next| {
                    let behind = Cursor::Activities { actor: next.actor.clone(), after: next.id };
                    skipped(next.ap_id.clone().unwrap_or_else(|| next.id.to_string()), behind)
                })
            }
            Cursor::Objects { after } => {
                let next = self.next_objects(db, server, (state, known), after, 1).await?;
                next.first()
                    .and_then(|&id| skipped(format!("object {id}"), Cursor::Objects { after: id }))
            }
            Cursor::ChatMessages { after } => {
                let next = self.next_chat_messages(db, (state, known), after, 1).await?;
                next.first().and_then(|&id| {
                    skipped(format!("chat message {id}"), Cursor::ChatMessages { after: id })
                })
            }
            Cursor::Relations { after } => {
                let next = self.next_relations(db, (state, known), after, 1).await?;
                next.first().and_then(|&id| {
                    skipped(format!("follow relation {id}"), Cursor::Relations { after: id })
                })
            }
            Cursor::Reports { after } => {
                let next = known.closed_reports.iter().find(|id| **id > after);
                next.and_then(|&id| skipped(format!("report {id}"), Cursor::Reports { after: id }))
            }
            Cursor::Addressed { actor } => {
                let next = addressed::next(known, &actor, 1).first();
                next.and_then(|next| {
                    let behind = Cursor::Addressed { actor: next.ap_id.clone() };
                    skipped(format!("what others did to {}", next.ap_id), behind)
                })
            }
            Cursor::Accounts { after } => {
                let next = known.accounts.iter().find(|id| **id > after);
                next.and_then(|&id| skipped(id.to_string(), Cursor::Accounts { after: id }))
            }
            Cursor::Traces { table, after } => {
                let next = traces::next(db, table, after, 1).await?;
                next.first().and_then(|&id| {
                    let item = format!("row {id} of {}", table.name());
                    skipped(item, Cursor::Traces { table, after: id })
                })
            }
        })
    }
}

/// Note on accounts of sub-domains that are not included.
fn below_note(host: &str, below: i64) -> String {
    let accounts = if below == 1 { "account" } else { "accounts" };
    format!(
        "{below} {accounts} of sub-domains of {host} left alone: add --include-subdomains to purge \
         them as well"
    )
}

/// Number of elements, as the ledger counts.
fn count<T>(things: &[T]) -> i64 {
    i64::try_from(things.len()).unwrap_or(i64::MAX)
}

/// Ends a step with nothing left to do; the next one begins.
fn nothing_left(next: Cursor) -> Batch<Cursor> {
    Batch { rows: Some(0), ..Batch::go_on(0, next) }
}

fn most(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

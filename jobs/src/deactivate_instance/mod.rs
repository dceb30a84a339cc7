//! Deactivates every account of an instance (docs/semantics.md 3.4).

mod claim_state;
mod cursor;
mod figures;
mod host;
mod not_a_host;
mod plan_all;
mod scattered;
mod sql;
mod steps;

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

pub use claim_state::ClaimState;
pub use cursor::Cursor;
pub(crate) use figures::Listed;
pub use figures::{HostFigures, host_figures};
pub use host::{Host, InvalidHost};
pub use plan_all::{HostPlan, plan_all};
use steps::count;

use ostrakon_engine::{
    Batch, Class, Count, Job, JobError, Left, Plan, Recount, Skipped, Table, tables,
};
use ostrakon_server::{Refresh, Server, stale_counters_note};

/// Deactivates all accounts whose nickname is at a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeactivateInstance {
    /// Host of the instance.
    pub host: Host,
    /// Whether to deactivate accounts of its sub-domains as well.
    #[serde(default)]
    pub include_subdomains: bool,
    /// Member of the staff on whose behalf the run acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Uuid>,
}

/// Account of the host, or of a sub-domain.
#[derive(Debug, FromRow)]
struct Named {
    id: Uuid,
    active: bool,
    /// Whether the account is of a sub-domain.
    below: bool,
}

/// Maximum rows of a step that begins in the middle of a batch: what rows of the previous step cost
/// is no guide.
const FIRST_OF_STEP: i64 = 20;

/// Maximum number of accounts whose relations one statement counts.
const COUNTED_AT_ONCE: usize = 10_000;

impl Job for DeactivateInstance {
    const NAME: &'static str = "deactivate_instance";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] =
        tables!["public.users", "public.following_relationships", "public.oban_jobs"];
    type World = Server;
    type Cursor = Cursor;
    type ClaimState = ClaimState;

    fn subject(&self) -> &str {
        self.host.as_str()
    }

    fn dedupe_key(&self) -> String {
        format!("deactivate_instance:{}", self.instance())
    }

    async fn plan(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
    ) -> Result<Plan<Cursor>, JobError> {
        self.refuse_own(server)?;
        let named = self.named(db, server).await?;
        let acted_on = &*state.accounts.insert(self.acted_on(server, &named));
        let active = named.iter().filter(|account| account.active && self.means(account));
        let active: Vec<Uuid> = active.map(|account| account.id).collect();
        let unfinished = self.noted(db).await?;
        let due = unfinished.iter().filter(|(id, due)| *due && active.binary_search(id).is_err());
        let due = i64::try_from(due.count()).unwrap_or(i64::MAX);
        let with_unfinished = |accounts: &[Uuid]| {
            let mut all = accounts.to_vec();
            all.extend(unfinished.iter().map(|(id, _)| *id));
            all.sort_unstable();
            all.dedup();
            all
        };
        let concerned = with_unfinished(acted_on);
        let (relations, read_anew) = count_relations(db, server, &concerned).await?;
        let followed = count_followed(db, server, &with_unfinished(&active)).await?;
        let mut notes = self.notes(&named);
        notes.extend(stale_counters_note(db, server, &concerned).await?);
        let counts = [count(&active), relations, followed, read_anew + due];
        Ok(Plan { counts: Self::counts(server, counts), notes, cursor: Cursor::START })
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
        let mut batch = self.step(db, server, state, cursor, limit).await?;
        // A step with nothing left takes no batch of its own. But in the search for a row that
        // cannot be done, the cursor must stand immediately before that row.
        while limit > 1 && batch.rows == Some(0) && !batch.end {
            batch = self.step(db, server, state, batch.cursor, limit.min(FIRST_OF_STEP)).await?;
        }
        Ok(batch)
    }

    async fn skip(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        let next = match cursor {
            Cursor::SwitchOff { after } => {
                let account =
                    self.next_accounts(db, server, state, after, 1).await?.first().copied();
                account.map(|account| (account, Cursor::SwitchOff { after: account }))
            }
            Cursor::EndRelations { after, relation } => {
                let (relations, _) =
                    self.next_relations(db, server, state, (after, relation), 2).await?;
                let behind = |after| Cursor::EndRelations { after, relation: i64::MAX };
                relations.first().map(|(local, _)| (*local, behind(*local)))
            }
            Cursor::CountAnew { after } => {
                let follower =
                    self.next_followers(db, server, state, after, 1).await?.first().copied();
                follower.map(|(follower, _)| (follower, Cursor::CountAnew { after: follower }))
            }
            Cursor::ReadAnew { after } => {
                let account = self.next_due(db, server, after, 1).await?.first().copied();
                account.map(|(account, _)| (account, Cursor::ReadAnew { after: account }))
            }
            // These steps only take over earlier work, and deal with no row.
            Cursor::Switch { .. } | Cursor::Unfollow { .. } | Cursor::Recount { .. } => None,
        };
        Ok(next.map(|(account, cursor)| Skipped { item: account.to_string(), cursor }))
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        _cursor: &Cursor,
        parked: i64,
    ) -> Result<Recount<Cursor>, JobError> {
        let left = self.active_left(db, server).await?;
        if left > parked {
            // The other pass reads the lists again.
            *state = ClaimState::default();
            return Ok(Recount::Left(Left {
                items: left,
                what: format!("active accounts of {}", self.host.as_str()),
                cursor: Cursor::START,
            }));
        }
        if parked == 0 {
            sqlx::query(sql::FORGET).bind(self.instance()).execute(db).await?;
        }
        Ok(Recount::Right)
    }
}

/// Counts the relations of accounts to active local ones, and the active accounts that have any.
async fn count_relations(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<(i64, i64)> {
    let sql = sql::count_relations(server);
    let mut sums = (0, 0);
    for some in accounts.chunks(COUNTED_AT_ONCE) {
        let (relations, active): (i64, i64) =
            sqlx::query_as(sql).bind(some).fetch_one(&mut *db).await?;
        sums = (sums.0 + relations, sums.1 + active);
    }
    Ok(sums)
}

/// Counts the relations of local accounts to these accounts.
async fn count_followed(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<i64> {
    let sql = sql::count_followed(server);
    let mut sum = 0;
    for some in accounts.chunks(COUNTED_AT_ONCE) {
        let relations: i64 = sqlx::query_scalar(sql)
            .bind(some)
            .bind(server.dialect.counts_inactive_followers)
            .fetch_one(&mut *db)
            .await?;
        sum += relations;
    }
    Ok(sum)
}

impl DeactivateInstance {
    /// Creates a request for a host's accounts, and those of its sub-domains if
    /// `include_subdomains`; `on_behalf_of` is for the moderation log.
    pub const fn new(host: Host, include_subdomains: bool, on_behalf_of: Option<Uuid>) -> Self {
        Self { host, include_subdomains, on_behalf_of }
    }

    /// Instance that the run is about, as the ledger records it.
    fn instance(&self) -> String {
        let dot = if self.include_subdomains { "." } else { "" };
        format!("{dot}{}", self.host.as_str())
    }

    /// Does one batch of one step; of no rows if nothing is left in it.
    async fn step(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Cursor,
        limit: i64,
    ) -> sqlx::Result<Batch<Cursor>> {
        match cursor {
            Cursor::SwitchOff { after } => self.switch_off(db, server, state, after, limit).await,
            Cursor::EndRelations { after, relation } => {
                self.end_relations(db, server, state, (after, relation), limit).await
            }
            Cursor::CountAnew { after } => self.count_anew(db, server, state, after, limit).await,
            Cursor::ReadAnew { after } => self.read_anew(db, server, state, after, limit).await,
            Cursor::Switch { excluded, .. } | Cursor::Unfollow { excluded, .. } => {
                self.take_over(db, server, &excluded, false).await
            }
            Cursor::Recount { .. } => self.take_over(db, server, &[], true).await,
        }
    }

    /// Refuses the server's own host, and its parent domains if sub-domains are included.
    pub fn refuse_own(&self, server: &Server) -> Result<(), JobError> {
        let what = "its accounts are not deactivated as an instance";
        self.host.refuse_own(server, self.include_subdomains, what)
    }

    /// Returns a note if no account of the host is known, active or not. The note counts the
    /// accounts of sub-domains if these are not included.
    pub async fn unknown(
        &self,
        db: &mut PgConnection,
        server: &Server,
    ) -> Result<Option<String>, JobError> {
        let known: bool = sqlx::query_scalar(include_str!("sql/known.sql"))
            .bind(self.host.as_str())
            .bind(self.host.unicode())
            .bind(self.include_subdomains)
            .fetch_one(&mut *db)
            .await?;
        if known {
            return Ok(None);
        }
        let below = self.named(db, server).await?;
        Ok(Some(unknown_note(&self.host, count(&below))))
    }

    /// Finds the accounts of the host and of its sub-domains, in the order of their ids.
    async fn named(&self, db: &mut PgConnection, server: &Server) -> sqlx::Result<Vec<Named>> {
        sqlx::query_as(sql::named(server))
            .bind(self.host.as_str())
            .bind(self.host.unicode())
            .fetch_all(db)
            .await
    }

    /// Whether the run is about an account.
    const fn means(&self, account: &Named) -> bool {
        self.include_subdomains || !account.below
    }

    /// Whether inactive accounts are dealt with: Pleroma 2.2 deactivates them again.
    fn acts_on_inactive(server: &Server) -> bool {
        server.dialect.repeats_deactivation
    }

    /// Accounts that the run acts on, in the order of their ids.
    fn acted_on(&self, server: &Server, named: &[Named]) -> Vec<Uuid> {
        let inactive_too = Self::acts_on_inactive(server);
        named
            .iter()
            .filter(|account| self.means(account) && (account.active || inactive_too))
            .map(|account| account.id)
            .collect()
    }

    /// Accounts that an earlier, cancelled run for the same instance did not finish.
    async fn noted(&self, db: &mut PgConnection) -> sqlx::Result<Vec<(Uuid, bool)>> {
        let exist: bool = sqlx::query_scalar(sql::NOTES_EXIST).fetch_one(&mut *db).await?;
        if !exist {
            return Ok(Vec::new());
        }
        sqlx::query_as(sql::NOTED).bind(self.instance()).fetch_all(db).await
    }

    /// Whether an account that the server is asked to reload is an item by itself.
    fn is_counted_when_read(server: &Server) -> bool {
        server.refresh == Refresh::Auto
    }

    /// Labels the counts of a plan.
    fn counts(server: &Server, counts: [i64; 4]) -> Vec<Count> {
        let [accounts, relations, followed, read_anew] = counts;
        let mut counts = vec![
            Count::new("accounts", accounts),
            Count::new("follow relations", relations),
            Count::new("relations of local followers", followed),
        ];
        if Self::is_counted_when_read(server) {
            counts.push(Count::new("account reloads", read_anew));
        }
        counts
    }

    /// Notes on sub-domains that the original would have included.
    fn notes(&self, named: &[Named]) -> Vec<String> {
        let below = named.iter().filter(|account| !self.means(account)).count();
        let below = i64::try_from(below).unwrap_or(i64::MAX);
        (below > 0).then(|| below_note(self.host.as_str(), below)).into_iter().collect()
    }

    /// Counts active accounts that the run is about.
    async fn active_left(&self, db: &mut PgConnection, server: &Server) -> sqlx::Result<i64> {
        sqlx::query_scalar(sql::count_active(server))
            .bind(self.host.as_str())
            .bind(self.host.unicode())
            .bind(self.include_subdomains)
            .fetch_one(db)
            .await
    }
}

/// Note that no account of a host is known, with the number of accounts found on sub-domains.
pub(crate) fn unknown_note(host: &Host, below: i64) -> String {
    let hint = match below {
        0 => String::new(),
        1 => "; there is 1 of its sub-domains: add --include-subdomains if you mean it".to_owned(),
        _ => format!(
            "; there are {below} of its sub-domains: add --include-subdomains if you mean them"
        ),
    };
    format!("no account of {host} is known here{hint}")
}

fn below_note(host: &str, below: i64) -> String {
    let accounts = if below == 1 { "account" } else { "accounts" };
    format!(
        "{below} {accounts} of sub-domains of {host} left alone: add --include-subdomains to \
         deactivate them as well"
    )
}

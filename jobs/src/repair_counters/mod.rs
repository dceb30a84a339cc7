//! Job `repair_counters`: makes the counters of local accounts and of hosts right
//! (docs/semantics.md 10).
//!
//! Hosts come first: their differences are known from the plan, which took a pass over all
//! activities for them. A worker that takes over the run does not know them, and tries another pass.
//! If a batch may not take so long, it goes on with the accounts, and the recount at the end finds
//! the hosts that are left.

mod describe;

use ostrakon_engine::{
    Class, Count, JobError, Next, RowJob, Rows, STATEMENT_TIMEOUT, Table, tables,
};
use ostrakon_server::{
    Changed, Server, WrongHost, examine_counters, examine_hosts, newest_account, refresh_accounts,
    repair_counters, repair_hosts, stale_note,
};
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection, error::DatabaseError};
use uuid::Uuid;

use describe::Shown;

/// Accounts that are examined together while the plan is made.
const PORTION: i64 = 50;

/// Hosts that a pass repairs; about 10 MB.
const HOSTS_MAX: i64 = 50_000;

/// Request to repair the counters of one local account, or of all, and of hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairCounters {
    /// What was typed: a nickname; `all active local accounts` otherwise.
    pub subject: String,
    /// The account, if it is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Uuid>,
    /// Whether the numbers of posts by host are repaired as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hosts: bool,
}

/// What has counters. Hosts come first, in the order of their names, then accounts in the order of
/// their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A host.
    Host(String),
    /// A local account.
    Account(Uuid),
}

/// Hosts with wrong counters that the last count found, in the order of their names; `None` before
/// the first count.
#[derive(Debug, Default)]
pub struct WrongHosts(Option<Vec<WrongHost>>);

impl WrongHosts {
    /// Counts, unless that was done.
    async fn fill(&mut self, db: &mut PgConnection) -> sqlx::Result<()> {
        if self.0.is_none() {
            let mut attempt = db.begin().await?;
            let counted = examine_hosts(&mut attempt, HOSTS_MAX).await;
            attempt.rollback().await?;
            self.0 = match counted {
                Err(error) if is_out_of_time(&error) => Some(Vec::new()),
                counted => Some(counted?.0),
            };
        }
        Ok(())
    }

    fn known(&self) -> &[WrongHost] {
        self.0.as_deref().unwrap_or_default()
    }

    fn after(&self, host: Option<&str>) -> &[WrongHost] {
        let known = self.known();
        let first = known.partition_point(|wrong| Some(wrong.instance.as_str()) <= host);
        &known[first..]
    }

    fn find(&self, host: &str) -> Option<&WrongHost> {
        let known = self.known();
        let found = known.binary_search_by_key(&host, |wrong| wrong.instance.as_str());
        found.ok().map(|index| &known[index])
    }
}

/// Whether a statement took longer than it may in a batch.
fn is_out_of_time(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(DatabaseError::code);
    error.is_some_and(|code| code == STATEMENT_TIMEOUT)
}

impl RepairCounters {
    fn only(&self) -> Option<&[Uuid]> {
        self.account.as_ref().map(std::slice::from_ref)
    }
}

impl RowJob for RepairCounters {
    const NAME: &'static str = "repair_counters";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] = tables!["public.users", "public.counter_cache"];
    type World = Server;
    type Key = Key;
    type ClaimState = WrongHosts;

    fn subject(&self) -> &str {
        &self.subject
    }

    fn dedupe_key(&self) -> String {
        self.account.map_or_else(|| Self::NAME.to_owned(), |id| format!("{}:{id}", Self::NAME))
    }

    fn item(&self, key: &Key) -> String {
        match key {
            Key::Host(host) => host.clone(),
            Key::Account(id) => id.to_string(),
        }
    }

    async fn count(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut WrongHosts,
    ) -> Result<Rows<Key>, JobError> {
        let (hosts, hosts_found) =
            if self.hosts { examine_hosts(db, HOSTS_MAX).await? } else { (Vec::new(), 0) };
        let last = match self.account {
            Some(account) => Some(account),
            None => newest_account(db).await?,
        };
        let (mut accounts, mut shown, mut after) = (0, Shown::default(), Uuid::nil());
        while let Some(until) = last {
            let examined =
                examine_counters(db, server, (after, until), self.only(), PORTION).await?;
            accounts += i64::try_from(examined.wrong.len()).unwrap_or(i64::MAX);
            shown.accounts(&examined.wrong);
            let Some(last) = examined.last else { break };
            after = last;
        }
        shown.hosts(&hosts);
        let not_reloaded =
            (accounts > 0).then(|| stale_note(server, "counters of accounts")).flatten();
        *state = WrongHosts(Some(hosts));
        let mut counts = vec![Count::new("accounts with wrong counters", accounts)];
        if self.hosts {
            counts.push(Count::new("hosts with wrong counters", hosts_found));
        }
        let notes = not_reloaded.into_iter().chain(shown.notes(accounts + hosts_found)).collect();
        Ok(Rows { counts, last: last.map(Key::Account), notes })
    }

    async fn next(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut WrongHosts,
        after: Option<&Key>,
        until: &Key,
        limit: i64,
    ) -> Result<Next<Key>, JobError> {
        let after = match after {
            Some(Key::Account(account)) => *account,
            before_accounts => {
                if self.hosts {
                    state.fill(db).await?;
                }
                let host = before_accounts.map(|key| self.item(key));
                let hosts = state.after(host.as_deref()).iter();
                let hosts = hosts.take(usize::try_from(limit).unwrap_or(usize::MAX));
                let keys: Vec<Key> = hosts.map(|host| Key::Host(host.instance.clone())).collect();
                if let Some(last) = keys.last().cloned() {
                    let looked_at = i64::try_from(keys.len()).unwrap_or(i64::MAX);
                    return Ok(Next { keys, last: Some(last), looked_at });
                }
                Uuid::nil()
            }
        };
        let Key::Account(until) = *until else {
            return Err(JobError::fail("the last of all is a host".to_owned()));
        };
        let examined = examine_counters(db, server, (after, until), self.only(), limit).await?;
        let keys = examined.wrong.into_iter().map(|account| Key::Account(account.id)).collect();
        let last = examined.last.map(Key::Account);
        Ok(Next { keys, last, looked_at: examined.number })
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut WrongHosts,
        keys: &[Key],
    ) -> Result<i64, JobError> {
        let (mut hosts, mut accounts) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                Key::Host(host) => hosts.extend(state.find(host)),
                Key::Account(id) => accounts.push(*id),
            }
        }
        if !hosts.is_empty() {
            repair_hosts(db, hosts).await?;
        }
        if !accounts.is_empty() {
            repair_counters(db, server, &accounts).await?;
            refresh_accounts(db, server, &accounts, Changed::Fields).await?;
        }
        Ok(i64::try_from(keys.len()).unwrap_or(i64::MAX))
    }
}

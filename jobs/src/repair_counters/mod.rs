//! Job `repair_counters`: makes the counters of local accounts and of hosts right
//! (docs/semantics.md 10).
//!
//! Hosts come first: their differences are known from the plan, which took a pass over all
//! activities for them. A worker that takes over the run does not know them, and tries another pass.
//! If a batch may not take so long, it goes on with the accounts, and the recount at the end finds
//! the hosts that are left. Accounts are counted again in the batch that corrects them, unless one
//! has so many posts that only the plan has the time.

mod counted;
mod describe;

use ostrakon_engine::{Class, Count, JobError, Next, RowJob, Rows, Table, tables};
use ostrakon_server::{
    Changed, Server, examine_counters, examine_hosts, newest_account, refresh_accounts,
    repair_as_counted, repair_counters, repair_hosts, stale_note,
};
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

pub use counted::Counted;
use counted::is_out_of_time;
use describe::Shown;

/// Accounts that are examined together while the plan is made.
const PORTION: i64 = 50;

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
    type ClaimState = Counted;

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
        state: &mut Counted,
    ) -> Result<Rows<Key>, JobError> {
        let (hosts, hosts_found) =
            if self.hosts { examine_hosts(db, counted::MOST).await? } else { (Vec::new(), 0) };
        let last = match self.account {
            Some(account) => Some(account),
            None => newest_account(db).await?,
        };
        let mut counted = Counted::of_hosts(hosts);
        let (mut accounts, mut shown, mut after) = (0, Shown::default(), Uuid::nil());
        while let Some(until) = last {
            let examined =
                examine_counters(db, server, (after, until), self.only(), PORTION).await?;
            accounts += i64::try_from(examined.wrong.len()).unwrap_or(i64::MAX);
            shown.accounts(&examined.wrong);
            counted.note(examined.wrong);
            let Some(last) = examined.last else { break };
            after = last;
        }
        shown.hosts(counted.hosts_after(None));
        let not_reloaded =
            (accounts > 0).then(|| stale_note(server, "counters of accounts")).flatten();
        *state = counted;
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
        state: &mut Counted,
        after: Option<&Key>,
        until: &Key,
        limit: i64,
    ) -> Result<Next<Key>, JobError> {
        let after = match after {
            Some(Key::Account(account)) => *account,
            before_accounts => {
                if self.hosts {
                    state.count_hosts(db).await?;
                }
                let host = before_accounts.map(|key| self.item(key));
                let hosts = state.hosts_after(host.as_deref()).iter();
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
        if let Some(known) = state.accounts_between(after, until) {
            let known = known.iter().take(usize::try_from(limit).unwrap_or(usize::MAX));
            let keys: Vec<Key> = known.map(|wrong| Key::Account(wrong.id)).collect();
            let looked_at = i64::try_from(keys.len()).unwrap_or(i64::MAX);
            return Ok(Next { last: keys.last().cloned(), keys, looked_at });
        }
        let examined = examine_counters(db, server, (after, until), self.only(), limit).await?;
        let keys = examined.wrong.into_iter().map(|account| Key::Account(account.id)).collect();
        let last = examined.last.map(Key::Account);
        Ok(Next { keys, last, looked_at: examined.number })
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut Counted,
        keys: &[Key],
    ) -> Result<i64, JobError> {
        let (mut hosts, mut accounts) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                Key::Host(host) => hosts.extend(state.host(host)),
                Key::Account(id) => accounts.push(*id),
            }
        }
        if !hosts.is_empty() {
            repair_hosts(db, hosts).await?;
        }
        if !accounts.is_empty() {
            repair_accounts(db, server, state, &accounts).await?;
            refresh_accounts(db, server, &accounts, Changed::Fields).await?;
        }
        Ok(i64::try_from(keys.len()).unwrap_or(i64::MAX))
    }
}

/// Corrects accounts as they are counted now; one that cannot be counted now, as the plan counted.
async fn repair_accounts(
    db: &mut PgConnection,
    server: &Server,
    state: &Counted,
    accounts: &[Uuid],
) -> sqlx::Result<()> {
    let mut attempt = db.begin().await?;
    let repaired = repair_counters(&mut attempt, server, accounts).await;
    match (repaired, accounts) {
        (Ok(()), _) => attempt.commit().await,
        (Err(error), [account]) if is_out_of_time(&error) => {
            attempt.rollback().await?;
            let Some(wrong) = state.account(*account) else { return Err(error) };
            repair_as_counted(db, server, wrong).await
        }
        (Err(error), _) => Err(error),
    }
}

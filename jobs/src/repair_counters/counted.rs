//! What the last count of a claim found.

use ostrakon_engine::STATEMENT_TIMEOUT;
use ostrakon_server::{WrongCounters, WrongHost, examine_hosts};
use sqlx::{Connection as _, PgConnection, error::DatabaseError};
use uuid::Uuid;

/// Maximum number of hosts, and of accounts, that are kept; about 10 MB each. Another pass finds
/// further hosts. If there are more accounts, each batch counts for itself.
pub(super) const MOST: i64 = 50_000;

/// Hosts and accounts with wrong counters; `None` before the first count.
#[derive(Debug, Default)]
pub struct Counted {
    /// In the order of their names.
    hosts: Option<Vec<WrongHost>>,
    /// In the order of their ids.
    accounts: Option<Vec<WrongCounters>>,
}

impl Counted {
    /// Counted hosts, and no accounts yet.
    pub(super) const fn of_hosts(hosts: Vec<WrongHost>) -> Self {
        Self { hosts: Some(hosts), accounts: Some(Vec::new()) }
    }

    /// Adds the next accounts, in their order.
    pub(super) fn note(&mut self, wrong: Vec<WrongCounters>) {
        let Some(accounts) = &mut self.accounts else { return };
        accounts.extend(wrong);
        if i64::try_from(accounts.len()).is_ok_and(|number| number > MOST) {
            self.accounts = None;
        }
    }

    /// Counts hosts, unless that was done, or takes longer than a batch may.
    pub(super) async fn count_hosts(&mut self, db: &mut PgConnection) -> sqlx::Result<()> {
        if self.hosts.is_none() {
            let mut attempt = db.begin().await?;
            let counted = examine_hosts(&mut attempt, MOST).await;
            attempt.rollback().await?;
            self.hosts = match counted {
                Err(error) if is_out_of_time(&error) => Some(Vec::new()),
                counted => Some(counted?.0),
            };
        }
        Ok(())
    }

    fn hosts(&self) -> &[WrongHost] {
        self.hosts.as_deref().unwrap_or_default()
    }

    /// Hosts after one of them.
    pub(super) fn hosts_after(&self, host: Option<&str>) -> &[WrongHost] {
        let hosts = self.hosts();
        let first = hosts.partition_point(|wrong| Some(wrong.instance.as_str()) <= host);
        &hosts[first..]
    }

    /// A host by its name.
    pub(super) fn host(&self, host: &str) -> Option<&WrongHost> {
        let hosts = self.hosts();
        let found = hosts.binary_search_by_key(&host, |wrong| wrong.instance.as_str());
        found.ok().map(|index| &hosts[index])
    }

    /// Accounts after one, up to another, if they were counted.
    pub(super) fn accounts_between(&self, after: Uuid, until: Uuid) -> Option<&[WrongCounters]> {
        let accounts = self.accounts.as_deref()?;
        let first = accounts.partition_point(|wrong| wrong.id <= after);
        let end = accounts.partition_point(|wrong| wrong.id <= until).max(first);
        Some(&accounts[first..end])
    }

    /// An account by its id.
    pub(super) fn account(&self, id: Uuid) -> Option<&WrongCounters> {
        let accounts = self.accounts.as_deref()?;
        let found = accounts.binary_search_by_key(&id, |wrong| wrong.id);
        found.ok().map(|index| &accounts[index])
    }
}

/// Whether a statement took longer than it may in a batch.
pub(super) fn is_out_of_time(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(DatabaseError::code);
    error.is_some_and(|code| code == STATEMENT_TIMEOUT)
}

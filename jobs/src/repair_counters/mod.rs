//! Job `repair_counters`: makes the counters of local accounts right (docs/semantics.md 10).

use ostrakon_engine::{Class, JobError, Next, RowJob, Rows, Table, tables};
use ostrakon_server::{
    Changed, Counters, Server, WrongCounters, examine_counters, newest_account, refresh_accounts,
    repair_counters, stale_note,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

/// Accounts that are examined together while the plan is made.
const PORTION: i64 = 50;

/// Differences that the plan shows.
const SHOWN: usize = 10;

/// Request to repair the counters of one local account, or of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairCounters {
    /// What was typed: a nickname; `all active local accounts` otherwise.
    pub subject: String,
    /// The account, if it is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Uuid>,
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
    const TABLES: &'static [Table] = tables!["public.users"];
    const KIND: &'static str = "accounts with wrong counters";
    type World = Server;
    type Key = Uuid;

    fn subject(&self) -> &str {
        &self.subject
    }

    fn dedupe_key(&self) -> String {
        self.account.map_or_else(|| Self::NAME.to_owned(), |id| format!("{}:{id}", Self::NAME))
    }

    fn item(&self, key: &Uuid) -> String {
        key.to_string()
    }

    async fn count(&self, db: &mut PgConnection, server: &Server) -> Result<Rows<Uuid>, JobError> {
        let last = match self.account {
            Some(account) => Some(account),
            None => newest_account(db).await?,
        };
        let (mut number, mut notes, mut after) = (0, Vec::new(), Uuid::nil());
        while let Some(until) = last {
            let examined =
                examine_counters(db, server, (after, until), self.only(), PORTION).await?;
            number += i64::try_from(examined.wrong.len()).unwrap_or(i64::MAX);
            let room = SHOWN - notes.len().min(SHOWN);
            notes.extend(examined.wrong.iter().take(room).map(difference));
            let Some(last) = examined.last else { break };
            after = last;
        }
        let shown = i64::try_from(notes.len()).unwrap_or(i64::MAX);
        if number > shown {
            notes.push(format!("and {} more", number - shown));
        }
        if number > 0 {
            notes.splice(0..0, stale_note(server, "counters of accounts"));
        }
        Ok(Rows { number, last, notes })
    }

    async fn next(
        &self,
        db: &mut PgConnection,
        server: &Server,
        after: Option<&Uuid>,
        until: &Uuid,
        limit: i64,
    ) -> Result<Next<Uuid>, JobError> {
        let after = after.copied().unwrap_or(Uuid::nil());
        let examined = examine_counters(db, server, (after, *until), self.only(), limit).await?;
        let keys = examined.wrong.into_iter().map(|account| account.id).collect();
        Ok(Next { keys, last: examined.last, looked_at: examined.number })
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        server: &Server,
        keys: &[Uuid],
    ) -> Result<i64, JobError> {
        repair_counters(db, server, keys).await?;
        refresh_accounts(db, server, keys, Changed::Fields).await?;
        Ok(i64::try_from(keys.len()).unwrap_or(i64::MAX))
    }
}

/// Says what is wrong: `alice: posts 3 instead of 5`.
fn difference(account: &WrongCounters) -> String {
    let WrongCounters { nickname, stored, counted, .. } = account;
    let figures = |of: fn(&Counters) -> i64, what: &str| {
        let (is, should) = (of(stored), of(counted));
        (is != should).then(|| format!("{what} {should} instead of {is}"))
    };
    let all = [
        figures(|counters| counters.notes, "posts"),
        figures(|counters| counters.followers, "followers"),
        figures(|counters| counters.following, "followed"),
    ];
    let differing: Vec<String> = all.into_iter().flatten().collect();
    format!("{nickname}: {}", differing.join(", "))
}

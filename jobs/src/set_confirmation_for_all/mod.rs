//! Confirms the e-mail address of every local account, or takes that back (docs/semantics.md 4.4b).

mod sql;
mod walk;

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::{
    engine::{Batch, Class, Count, Job, JobError, Left, Plan, Recount, Skipped, Table, tables},
    pleroma::{
        AccountRow, Changed, ModerationAction, Person, Refresh, Server, log_moderation_for,
        random_token, refresh_rows,
    },
};
use sql::Statements;
pub use walk::Cursor;
use walk::Lookahead;

/// Confirms all local accounts.
pub type ConfirmAll = SetConfirmationForAll<true>;

/// Takes the confirmation from all local accounts.
pub type UnconfirmAll = SetConfirmationForAll<false>;

/// Confirms (`CONFIRMED`) all active local accounts but the staff's, or takes that back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetConfirmationForAll<const CONFIRMED: bool> {
    /// The member of the staff in whose name it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Uuid>,
    #[serde(skip)]
    ahead: Lookahead,
}

/// An account that was written.
#[derive(FromRow)]
struct Written {
    id: Uuid,
    nickname: String,
    fieldless: bool,
    /// Before.
    confirmed: bool,
}

impl<const CONFIRMED: bool> Job for SetConfirmationForAll<CONFIRMED> {
    const NAME: &'static str = if CONFIRMED { "confirm_all" } else { "unconfirm_all" };
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] = tables!["public.users", "public.oban_jobs"];
    type World = Server;
    type Cursor = Cursor;

    fn subject(&self) -> &'static str {
        "all local users"
    }

    /// The same for both directions: they must not race each other.
    fn dedupe_key(&self) -> String {
        "set_confirmation_for_all".to_owned()
    }

    async fn plan(&self, server: &Server, db: &mut PgConnection) -> Result<Plan<Cursor>, JobError> {
        let newest: Option<Uuid> = sqlx::query_scalar(sql::NEWEST).fetch_optional(&mut *db).await?;
        let until = newest.unwrap_or(Uuid::nil());
        let accounts: i64 = sqlx::query_scalar(Self::statements(server).count)
            .bind(until)
            .fetch_one(&mut *db)
            .await?;
        let stale = if accounts > 0 { Self::stale_note(server, db).await? } else { None };
        Ok(Plan {
            counts: vec![Count::new("accounts", accounts)],
            notes: stale.into_iter().collect(),
            cursor: Cursor { after: Uuid::nil(), until, only_left: false },
        })
    }

    async fn batch(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let statements = Self::statements(server);
        let Some(step) = self.ahead.step(db, statements, &cursor, limit).await? else {
            return Ok(Batch::end(cursor));
        };
        let done = self.write(server, db, &step.accounts).await?;
        // A window without any costs as much as a full batch.
        let rows = i64::try_from(step.accounts.len()).ok().filter(|rows| *rows > 0);
        Ok(Batch { rows, ..Batch::go_on(done, Cursor { after: step.after, ..cursor }) })
    }

    async fn skip(
        &self,
        server: &Server,
        db: &mut PgConnection,
        mut cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        while let Some(step) = self.ahead.step(db, Self::statements(server), &cursor, 1).await? {
            cursor.after = step.after;
            if let Some(account) = step.accounts.first() {
                return Ok(Some(Skipped { item: account.to_string(), cursor }));
            }
        }
        Ok(None)
    }

    async fn finish(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: &Cursor,
        parked: i64,
    ) -> Result<Recount<Cursor>, JobError> {
        let left: i64 = sqlx::query_scalar(Self::statements(server).count_left)
            .bind(cursor.until)
            .fetch_one(db)
            .await?;
        if left <= parked {
            return Ok(Recount::Right);
        }
        self.ahead.forget();
        Ok(Recount::Left(Left {
            items: left,
            what: "accounts that were not written".to_owned(),
            // Not all of them: nothing else tells who has a fresh token already.
            cursor: Cursor { after: Uuid::nil(), until: cursor.until, only_left: true },
        }))
    }
}

impl<const CONFIRMED: bool> SetConfirmationForAll<CONFIRMED> {
    /// In whose name it is done, if in that of a member of the staff.
    #[must_use]
    pub fn new(on_behalf_of: Option<Uuid>) -> Self {
        Self { on_behalf_of, ahead: Lookahead::default() }
    }

    /// What does not hold until the running server restarts, where it cannot be told.
    async fn stale_note(server: &Server, db: &mut PgConnection) -> sqlx::Result<Option<String>> {
        if server.refresh == Refresh::Off {
            return Ok(None);
        }
        let whom = if !server.shape.is_pleroma_2_7() {
            "accounts"
        } else if sqlx::query_scalar(sql::SOMEBODY_WITH_FIELDS).fetch_one(db).await? {
            "accounts with fields in their profile"
        } else {
            return Ok(None);
        };
        let effect = if CONFIRMED {
            "refusing every request (403) of those that it remembers as unconfirmed"
        } else {
            "letting in those who are signed in"
        };
        Ok(Some(format!(
            "the confirmations change in the database, but of {whom} the running server goes on \
             {effect} until it restarts or writes the account itself: restart it afterwards"
        )))
    }

    const fn statements(server: &Server) -> &'static Statements {
        Statements::of(server.shape.flavour, CONFIRMED)
    }

    /// Writes accounts, tells the server, and the staff's log. Returns how many were written.
    async fn write(
        &self,
        server: &Server,
        db: &mut PgConnection,
        accounts: &[Uuid],
    ) -> sqlx::Result<i64> {
        if accounts.is_empty() {
            return Ok(0);
        }
        let tokens: Vec<Option<String>> =
            accounts.iter().map(|_| (!CONFIRMED).then(random_token)).collect();
        let mut written: Vec<Written> = sqlx::query_as(Self::statements(server).write)
            .bind(accounts)
            .bind(tokens)
            .fetch_all(&mut *db)
            .await?;
        written.sort_unstable_by_key(|account| account.id);
        let number = i64::try_from(written.len()).unwrap_or(i64::MAX);
        // Those who are meant are active.
        let rows = written.iter().map(|account| AccountRow {
            id: account.id,
            fieldless: account.fieldless,
            active: true,
        });
        refresh_rows(db, server, rows.collect(), Changed::Fields).await?;
        if CONFIRMED {
            // Whoever only lost a forgotten token was confirmed before.
            let people: Vec<Person> = written
                .into_iter()
                .filter(|account| !account.confirmed)
                .map(|account| Person { id: account.id, nickname: account.nickname })
                .collect();
            log_moderation_for(db, self.on_behalf_of, ModerationAction::ConfirmEmail, &people)
                .await?;
        }
        Ok(number)
    }
}

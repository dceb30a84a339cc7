//! Confirms the e-mail addresses of all local accounts, or revokes the confirmation
//! (docs/semantics.md 4.4b).

mod walk;

use std::{fmt::Debug, marker::PhantomData};

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use ostrakon_engine::{
    Batch, Class, Count, Job, JobError, Left, Plan, Recount, Skipped, Table, tables,
};
use ostrakon_server::{
    AccountColumns, AccountRow, Changed, ModerationAction, Person, Refresh, Server, dialect_sql,
    log_moderation_for, newest_account, random_token, refresh_rows,
};
pub use walk::Cursor;
use walk::Lookahead;

/// Job that confirms all local accounts.
pub type ConfirmAll = SetConfirmationForAll<Confirm>;

/// Job that revokes the confirmation of all local accounts.
pub type UnconfirmAll = SetConfirmationForAll<Revoke>;

/// Direction of a [`SetConfirmationForAll`].
pub trait Direction: Debug + Clone + PartialEq + Eq + Send + Sync + 'static {
    /// See [`Job::NAME`].
    const NAME: &'static str;
    /// Whether the accounts are confirmed afterwards.
    const CONFIRMED: bool;
}

/// Every account is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirm {}

impl Direction for Confirm {
    const NAME: &'static str = "confirm_all";
    const CONFIRMED: bool = true;
}

/// No account is confirmed any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoke {}

impl Direction for Revoke {
    const NAME: &'static str = "unconfirm_all";
    const CONFIRMED: bool = false;
}

/// Job that confirms all active local accounts except staff, or revokes that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetConfirmationForAll<D> {
    /// Member of the staff on whose behalf the run acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Uuid>,
    #[serde(skip)]
    direction: PhantomData<D>,
}

/// Whether any local account has profile fields, which keep the server from reloading it.
const SOMEBODY_WITH_FIELDS: &str =
    "select exists (select from public.users where local and raw_fields <> '[]')";

/// Account that was written.
#[derive(FromRow)]
struct Written {
    id: Uuid,
    nickname: String,
    fieldless: bool,
    /// Whether the account was confirmed before.
    confirmed: bool,
}

impl<D: Direction> Job for SetConfirmationForAll<D> {
    const NAME: &'static str = D::NAME;
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] = tables!["public.users", "public.oban_jobs"];
    type World = Server;
    type Cursor = Cursor;
    type ClaimState = Lookahead;

    fn subject(&self) -> &'static str {
        "all local users"
    }

    /// Same key for both directions: they must not race each other.
    fn dedupe_key(&self) -> String {
        "set_confirmation_for_all".to_owned()
    }

    async fn plan(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut Lookahead,
    ) -> Result<Plan<Cursor>, JobError> {
        let until = newest_account(db).await?.unwrap_or(Uuid::nil());
        let accounts: i64 = sqlx::query_scalar(dialect_sql!(server, include_str!("sql/count.sql")))
            .bind(until)
            .bind(D::CONFIRMED)
            .fetch_one(&mut *db)
            .await?;
        let stale = if accounts > 0 { Self::stale_note(db, server).await? } else { None };
        Ok(Plan {
            counts: vec![Count::new("accounts", accounts)],
            notes: stale.into_iter().collect(),
            cursor: Cursor { after: Uuid::nil(), until, only_left: false },
        })
    }

    async fn batch(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut Lookahead,
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let Some(step) = state.step::<D>(db, server, &cursor, limit).await? else {
            return Ok(Batch::end(cursor));
        };
        let done = self.write(db, server, &step.accounts).await?;
        // A window without any costs as much as a full batch.
        let rows = i64::try_from(step.accounts.len()).ok().filter(|rows| *rows > 0);
        Ok(Batch { rows, ..Batch::go_on(done, Cursor { after: step.after, ..cursor }) })
    }

    async fn skip(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut Lookahead,
        mut cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        while let Some(step) = state.step::<D>(db, server, &cursor, 1).await? {
            cursor.after = step.after;
            if let Some(account) = step.accounts.first() {
                return Ok(Some(Skipped { item: account.to_string(), cursor }));
            }
        }
        Ok(None)
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut Lookahead,
        cursor: &Cursor,
        parked: i64,
    ) -> Result<Recount<Cursor>, JobError> {
        let left: i64 =
            sqlx::query_scalar(dialect_sql!(server, include_str!("sql/count_left.sql")))
                .bind(cursor.until)
                .bind(D::CONFIRMED)
                .fetch_one(db)
                .await?;
        if left <= parked {
            return Ok(Recount::Right);
        }
        // The other pass reads the accounts again.
        *state = Lookahead::default();
        Ok(Recount::Left(Left {
            items: left,
            what: "accounts that were not written".to_owned(),
            // Only those that are left: nothing else shows which accounts already have a fresh
            // token.
            cursor: Cursor { after: Uuid::nil(), until: cursor.until, only_left: true },
        }))
    }
}

impl<D: Direction> SetConfirmationForAll<D> {
    /// Creates a request, optionally on behalf of a member of the staff.
    pub const fn new(on_behalf_of: Option<Uuid>) -> Self {
        Self { on_behalf_of, direction: PhantomData }
    }

    /// Note on what takes effect only when the running server restarts, where it cannot be asked to
    /// reload.
    async fn stale_note(db: &mut PgConnection, server: &Server) -> sqlx::Result<Option<String>> {
        if server.refresh == Refresh::Off {
            return Ok(None);
        }
        let whom = if !server.dialect.reloads_fieldless {
            "accounts"
        } else if sqlx::query_scalar(SOMEBODY_WITH_FIELDS).fetch_one(db).await? {
            "accounts with fields in their profile"
        } else {
            return Ok(None);
        };
        let effect = if D::CONFIRMED {
            "refusing every request (403) where it remembers them as unconfirmed"
        } else {
            "accepting signed-in sessions"
        };
        let cache = server.dialect.account_cache;
        let remedy = if cache.expires() { "" } else { ": restart it afterwards" };
        Ok(Some(format!(
            "the confirmations change in the database, but for {whom} the running server keeps \
             {effect} {}{remedy}",
            cache.for_how_long()
        )))
    }

    /// Writes accounts, asks the server to reload them, and writes the moderation log. Returns the
    /// number of accounts written.
    async fn write(
        &self,
        db: &mut PgConnection,
        server: &Server,
        accounts: &[Uuid],
    ) -> sqlx::Result<i64> {
        if accounts.is_empty() {
            return Ok(0);
        }
        let tokens: Vec<Option<String>> =
            accounts.iter().map(|_| (!D::CONFIRMED).then(random_token)).collect();
        let sql = match server.dialect.account_columns {
            AccountColumns::Active => include_str!("sql/write.sql"),
            AccountColumns::Deactivated => include_str!("sql/pleroma22_write.sql"),
        };
        let mut written: Vec<Written> = sqlx::query_as(sql)
            .bind(accounts)
            .bind(tokens)
            .bind(D::CONFIRMED)
            .fetch_all(&mut *db)
            .await?;
        written.sort_unstable_by_key(|account| account.id);
        let number = i64::try_from(written.len()).unwrap_or(i64::MAX);
        // The accounts in question are active.
        let rows = written.iter().map(|account| AccountRow {
            id: account.id,
            fieldless: account.fieldless,
            active: true,
        });
        refresh_rows(db, server, rows.collect(), Changed::Fields).await?;
        if D::CONFIRMED {
            // Accounts that only lost a leftover token were confirmed before.
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

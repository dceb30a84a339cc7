//! Common part of all commands that make an immediate change.

use std::sync::Arc;

use ostrakon_engine::{
    self,
    ledger::{self, NewAction},
};
use ostrakon_server::{
    Actor, Changed, ModerationAction, Person, Refresh, SelectedAccount, Server, find_actor,
    find_actor_by_ap_id, find_staff, log_moderation, refresh_accounts,
};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgTransaction};
use uuid::Uuid;

use crate::{
    cli::Output,
    failure::Failure,
    requests::Overridden,
    session::{Session, operator},
};

/// Option of every command that changes something at once.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct ChangeOptions {
    /// Reason, for the record.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Option of the commands that the server's moderation log has words for.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct StaffOptions {
    /// Record it in the server's moderation log, on behalf of this local admin or moderator.
    #[arg(long = "as", value_name = "STAFF")]
    staff: Option<String>,
}

impl StaffOptions {
    /// Finds the account that `--as` names; refuses all but active local admins and moderators.
    pub(super) async fn find(
        &self,
        db: &mut PgConnection,
        server: &Server,
    ) -> Result<Option<Person>, Failure> {
        let Some(nickname) = &self.staff else { return Ok(None) };
        let missing = || {
            Failure::Refused(format!(
                "--as {nickname}: not an active local admin or moderator; nothing was changed"
            ))
        };
        find_staff(db, server, nickname).await?.ok_or_else(missing).map(Some)
    }

    /// The same, with a connection of its own.
    pub(super) async fn look_up(
        &self,
        session: &Session,
        server: &Server,
    ) -> Result<Option<Person>, Failure> {
        let mut db = session.pool.acquire().await?;
        self.find(&mut db, server).await
    }
}

/// Transaction with everything a command changes, including its record. Dropped before
/// [`QuickChange::commit`], it changes nothing.
pub(super) struct QuickChange<'a> {
    /// Server that the database belongs to.
    pub(super) server: Arc<Server>,
    /// Open transaction.
    pub(super) db: PgTransaction<'static>,
    options: &'a ChangeOptions,
    staff: Option<Person>,
    /// Guards that were overridden, for the record.
    pub(super) overridden: Option<Overridden>,
    /// Effects that are delayed because the running server has the old state in its cache.
    stale: Vec<String>,
}

impl<'a> QuickChange<'a> {
    /// Begins a transaction for a command that has no entry in the moderation log.
    pub(super) async fn begin(
        session: &Session,
        options: &'a ChangeOptions,
    ) -> Result<Self, Failure> {
        let server = session.writable_server().await?;
        session.require_ledger().await?;
        Self::begin_on(session, Arc::new(server), options).await
    }

    /// Begins one of many transactions; the server was examined, and may be written to.
    pub(super) async fn begin_on(
        session: &Session,
        server: Arc<Server>,
        options: &'a ChangeOptions,
    ) -> Result<Self, Failure> {
        let db = ostrakon_engine::begin(&session.pool, &session.settings.batch).await?;
        Ok(Self { server, db, options, staff: None, overridden: None, stale: Vec::new() })
    }

    /// Begins a transaction; refuses an `--as` that is not a local admin or moderator.
    pub(super) async fn begin_as(
        session: &Session,
        options: &'a ChangeOptions,
        staff: &StaffOptions,
    ) -> Result<Self, Failure> {
        Self::begin(session, options).await?.on_behalf_of(staff).await
    }

    /// Acts on behalf of the account that `--as` names, if it does.
    pub(super) async fn on_behalf_of(mut self, staff: &StaffOptions) -> Result<Self, Failure> {
        self.staff = staff.find(&mut self.db, &self.server).await?;
        Ok(self)
    }

    /// Finds one of many accounts again: between the question and now it may have got another
    /// nickname.
    pub(super) async fn again(&mut self, account: &SelectedAccount) -> Result<Actor, Failure> {
        let found = find_actor_by_ap_id(&mut self.db, &self.server, &account.ap_id).await?;
        found
            .filter(|found| {
                found.id == account.id && found.nickname.as_deref() == Some(&account.nickname)
            })
            .ok_or_else(|| {
                Failure::Failed("it has changed since the question; nothing was changed".to_owned())
            })
    }

    /// Finds a local account by the nickname as typed.
    pub(super) async fn local(&mut self, typed: &str) -> Result<Actor, Failure> {
        let found = find_actor(&mut self.db, &self.server, typed).await?;
        found
            .filter(|actor| actor.local)
            .ok_or_else(|| Failure::NotFound(format!("No local user {typed}")))
    }

    /// Writes to the server's moderation log, if `--as` is set.
    pub(super) async fn log(
        &mut self,
        action: ModerationAction<'_>,
        account: &Actor,
    ) -> Result<(), Failure> {
        if let Some(staff) = &self.staff {
            let nickname = account.nickname.clone().unwrap_or_default();
            let person = Person { id: account.id, nickname };
            log_moderation(&mut self.db, staff, action, &[person]).await?;
        }
        Ok(())
    }

    /// Makes the running server reload changed accounts. Returns whether it will; if not, `effect`
    /// describes what does not take effect until a restart.
    pub(super) async fn refresh(
        &mut self,
        accounts: &[Uuid],
        effect: impl Into<String>,
    ) -> Result<bool, Failure> {
        let (db, server) = (&mut *self.db, &self.server);
        let stale = refresh_accounts(db, server, accounts, Changed::Fields).await?;
        if stale > 0 {
            self.stale.push(effect.into());
        }
        Ok(stale == 0 && self.server.refresh == Refresh::Auto)
    }

    /// Makes the running server reload a new account, in case its cache has another one of that
    /// name. If that is impossible, nothing is stale.
    pub(super) async fn refresh_new(&mut self, account: Uuid) -> Result<(), Failure> {
        let (db, server) = (&mut *self.db, &self.server);
        refresh_accounts(db, server, &[account], Changed::Fields).await?;
        Ok(())
    }

    /// Adds a delayed effect.
    pub(super) fn stale(&mut self, effect: impl Into<String>) {
        self.stale.push(effect.into());
    }

    /// Records who did it and why, and commits. `detail` describes the change, without secrets.
    pub(super) async fn commit(
        mut self,
        command: &'static str,
        subject: &str,
        detail: &Value,
        output: Output,
    ) -> Result<(), Failure> {
        self.record(command, subject, detail).await?;
        self.end(output).await
    }

    /// Commits a command whose output cannot be repeated, such as a link. Prints first, and commits
    /// only if the output was delivered.
    pub(super) async fn commit_shown(
        mut self,
        command: &'static str,
        subject: &str,
        detail: &Value,
        output: Output,
        show: impl FnOnce(Output),
    ) -> Result<(), Failure> {
        self.record(command, subject, detail).await?;
        show(output);
        Output::delivered()?;
        self.end(output).await.map_err(|failure| {
            failure.and(
                "Do not use what was printed before, unless ostrakon actions shows the command.",
            )
        })
    }

    async fn record(
        &mut self,
        command: &'static str,
        subject: &str,
        detail: &Value,
    ) -> Result<(), Failure> {
        let mut detail = detail.clone();
        if let Some(overridden) = &self.overridden {
            detail["overridden"] = json!(overridden);
        }
        let action = NewAction {
            command,
            subject,
            requested_by: &operator(),
            on_behalf_of: self.staff.as_ref().map(|staff| staff.nickname.as_str()),
            reason: self.options.reason.as_deref(),
            detail: &detail,
        };
        Ok(ledger::record_action(&mut self.db, &action).await?)
    }

    async fn end(self, output: Output) -> Result<(), Failure> {
        self.db.commit().await?;
        if !self.stale.is_empty() {
            let cache = self.server.dialect.account_cache;
            let remedy = if cache.expires() { "" } else { ". Restart it to be sure" };
            output.note(format!(
                "note: the change is in the database. A running server that remembers the account \
                 ignores it {}: {}{remedy}",
                cache.for_how_long(),
                self.stale.join("; ")
            ));
        }
        Ok(())
    }
}

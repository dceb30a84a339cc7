//! What all commands have in common that change something at once.

use ostrakon_jobs::{
    engine::{
        self,
        ledger::{self, NewAction},
    },
    pleroma::{
        Actor, Changed, ModerationAction, Person, Refresh, Server, find_actor, find_staff,
        log_moderation, refresh_accounts,
    },
};
use serde_json::Value;
use sqlx::{PgConnection, PgTransaction};
use uuid::Uuid;

use crate::{
    cli::{Failure, Output},
    session::{Session, operator},
};

/// Option of every command that changes something at once.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct ActOptions {
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Option of the commands that the server's moderation log has words for.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct StaffOptions {
    /// Write it into the server's moderation log, in the name of this local admin or moderator.
    #[arg(long = "as", value_name = "STAFF")]
    staff: Option<String>,
}

impl StaffOptions {
    /// Finds whom `--as` names; refuses anybody but an active local admin or moderator.
    pub(super) async fn find(
        &self,
        db: &mut PgConnection,
        server: &Server,
    ) -> Result<Option<Person>, Failure> {
        let Some(nickname) = &self.staff else { return Ok(None) };
        let missing = || {
            Failure::Refused(format!(
                "--as {nickname}: that is no active local admin or moderator; nothing was changed"
            ))
        };
        find_staff(db, server, nickname).await?.ok_or_else(missing).map(Some)
    }
}

/// One transaction with everything a command changes, its record included. Dropped before
/// [`Act::commit`], it changes nothing.
pub(super) struct Act<'a> {
    /// The server whose database it is.
    pub(super) server: Server,
    /// The transaction.
    pub(super) db: PgTransaction<'static>,
    options: &'a ActOptions,
    staff: Option<Person>,
    /// What does not hold yet, because the running server remembers otherwise.
    stale: Vec<String>,
}

impl<'a> Act<'a> {
    /// Begins, for a command that the moderation log has no words for.
    pub(super) async fn begin(session: &Session, options: &'a ActOptions) -> Result<Self, Failure> {
        let server = session.server().await?;
        session.require_ledger().await?;
        let db = engine::begin(&session.pool, &session.batch()).await?;
        Ok(Self { server, db, options, staff: None, stale: Vec::new() })
    }

    /// Begins; refuses a `--as` that is not a local admin or moderator.
    pub(super) async fn begin_as(
        session: &Session,
        options: &'a ActOptions,
        staff: &StaffOptions,
    ) -> Result<Self, Failure> {
        let mut act = Self::begin(session, options).await?;
        act.staff = staff.find(&mut act.db, &act.server).await?;
        Ok(act)
    }

    /// Finds an account of this server by what was typed.
    pub(super) async fn local(&mut self, typed: &str) -> Result<Actor, Failure> {
        let found = find_actor(&mut self.db, &self.server, typed).await?;
        found
            .filter(|actor| actor.local)
            .ok_or_else(|| Failure::NotFound(format!("No local user {typed}")))
    }

    /// Writes into the server's moderation log, with `--as` only.
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

    /// Has the running server read changed accounts anew. Gives whether it will; where it will not,
    /// `effect` says what does not hold until it restarts.
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

    /// Has the running server read an account that was just made, in case that it remembers another
    /// one by that name. Nothing is stale where it cannot.
    pub(super) async fn refresh_new(&mut self, account: Uuid) -> Result<(), Failure> {
        let (db, server) = (&mut *self.db, &self.server);
        refresh_accounts(db, server, &[account], Changed::Fields).await?;
        Ok(())
    }

    /// Adds to what does not hold yet.
    pub(super) fn stale(&mut self, effect: impl Into<String>) {
        self.stale.push(effect.into());
    }

    /// Writes down who did it and why, and commits. `detail` says what changed, without secrets.
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

    /// The same for a command that prints what nobody could be told later, such as a link: it is
    /// printed first, and only what has arrived is committed.
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
                "What was printed before is good for nothing then, unless ostrakon actions shows the \
                 command.",
            )
        })
    }

    async fn record(
        &mut self,
        command: &'static str,
        subject: &str,
        detail: &Value,
    ) -> Result<(), Failure> {
        let action = NewAction {
            command,
            subject,
            requested_by: &operator(),
            on_behalf_of: self.staff.as_ref().map(|staff| staff.nickname.as_str()),
            reason: self.options.reason.as_deref(),
            detail,
        };
        Ok(ledger::record_action(&mut self.db, &action).await?)
    }

    async fn end(self, output: Output) -> Result<(), Failure> {
        self.db.commit().await?;
        if !self.stale.is_empty() {
            output.note(format!(
                "note: the change is in the database, but a running server that remembers the \
                 account goes on as before until it restarts or writes the account itself: {}; \
                 restart it to be sure",
                self.stale.join("; ")
            ));
        }
        Ok(())
    }
}

//! What all commands have in common that change something at once.

use kenoma_jobs::{
    engine::{
        self,
        ledger::{self, NewAction},
    },
    pleroma::{
        Actor, Changed, Deed, Person, Server, find_actor, find_staff, log_moderation,
        refresh_accounts,
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
    stale: i64,
}

impl<'a> Act<'a> {
    /// Begins, for a command that the moderation log has no words for.
    pub(super) async fn begin(session: &Session, options: &'a ActOptions) -> Result<Self, Failure> {
        let server = session.server().await?;
        session.require_ledger().await?;
        let db = engine::begin(&session.pool, &session.batch()).await?;
        Ok(Self { server, db, options, staff: None, stale: 0 })
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
    pub(super) async fn log(&mut self, deed: Deed<'_>, account: &Actor) -> Result<(), Failure> {
        if let Some(staff) = &self.staff {
            let nickname = account.nickname.clone().unwrap_or_default();
            let person = Person { id: account.id, nickname };
            log_moderation(&mut self.db, staff, deed, &[person]).await?;
        }
        Ok(())
    }

    /// Has the running server read changed accounts anew.
    pub(super) async fn refresh(
        &mut self,
        accounts: &[Uuid],
        changed: Changed,
    ) -> Result<(), Failure> {
        self.stale += refresh_accounts(&mut self.db, &self.server, accounts, changed).await?;
        Ok(())
    }

    /// Writes down who did it and why, and commits. `detail` says what changed, without secrets.
    pub(super) async fn commit(
        mut self,
        command: &'static str,
        subject: &str,
        detail: &Value,
        output: Output,
    ) -> Result<(), Failure> {
        let action = NewAction {
            command,
            subject,
            requested_by: &operator(),
            on_behalf_of: self.staff.as_ref().map(|staff| staff.nickname.as_str()),
            reason: self.options.reason.as_deref(),
            detail,
        };
        ledger::record_action(&mut self.db, &action).await?;
        self.db.commit().await?;
        if self.stale > 0 {
            output.note(STALE);
        }
        Ok(())
    }
}

/// What a person must know where the running server cannot be told.
const STALE: &str = "note: the change is in the database, but the running server may go on showing \
     and using the old state until it restarts or changes the account itself: there is no way to \
     have it read this account anew";

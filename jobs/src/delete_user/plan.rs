//! Plan of a removal, and notes for the operator.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    DeleteUser,
    account::{self, RemovalState},
    cursor::{Cursor, Step},
    notifications, owned_rows, relations, server_removal,
};
use crate::delete_activities;
use ostrakon_engine::{Count, JobError};
use ostrakon_server::{
    Actor, Server, count_inboxes, lost_deliveries_note, missing_index_notes, stale_counters_note,
};

impl DeleteUser {
    pub(super) fn refuse_last_admin(&self, standing: &RemovalState) -> Result<(), JobError> {
        if standing.is_admin && !standing.other_admin && !self.force {
            return Err(JobError::Refuse(format!(
                "{} is the last admin of this server: make another account an admin first \
                 (ostrakon user set NICK --admin), or add --force",
                self.nickname
            )));
        }
        Ok(())
    }

    pub(super) async fn first_cursor(
        &self,
        db: &mut PgConnection,
        server: &Server,
        standing: &RemovalState,
    ) -> Result<Cursor, JobError> {
        let until = delete_activities::last_activity(db, &self.actor).await?;
        Ok(Cursor {
            until: until.unwrap_or(Uuid::nil()),
            last_relation: relations::last(db).await?,
            row_goes: standing.row_goes(server),
            needed: true,
            deliveries_until: None,
            second_pass: false,
            step: Step::AnnounceDeletion,
        })
    }

    /// Counts what the removal will touch.
    pub(super) async fn counts(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
    ) -> Result<Vec<Count>, JobError> {
        let mut counts = self.counts_in_range(db, server, account, cursor).await?;
        let requests = relations::count_requests(db, account.id).await?;
        counts.push(Count::new("follow requests", requests));
        if self.thorough {
            counts.extend(owned_rows::count(db, account.id).await?);
        }
        Ok(counts)
    }

    /// Counts the items whose number cannot grow during the run: those within the cursor's bounds.
    pub(super) async fn counts_in_range(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
    ) -> Result<Vec<Count>, JobError> {
        let purged = account::is_purged(db, server, account.id).await?;
        let [posts, likes, boosts] =
            delete_activities::count(db, &self.actor, cursor.until).await?;
        let notifications = notifications::count(db, &self.actor, cursor.until).await?;
        let relations = relations::count(db, server, account.id, cursor.last_relation).await?;
        Ok(vec![
            Count::new("accounts", i64::from(!purged || cursor.row_goes)),
            Count::new("notifications", notifications),
            Count::new("posts", posts),
            Count::new("likes", likes),
            Count::new("boosts", boosts),
            Count::new("follow relations", relations),
        ])
    }

    /// Notes for the operator to read before confirming.
    pub(super) async fn notes(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
    ) -> Result<Vec<String>, JobError> {
        let mut notes: Vec<String> = server_removal::note(server, cursor.row_goes)
            .filter(|_| cursor.needed)
            .into_iter()
            .collect();
        notes.extend(stale_counters_note(db, server, &[account.id]).await?);
        notes.extend(lost_deliveries_note(db, account).await?);
        if cursor.needed {
            notes.extend(missing_index_notes(db).await?);
        }
        let inboxes = count_inboxes(db, server, account).await?;
        if inboxes > 0 {
            notes.push(format!(
                "{inboxes} inboxes of other servers are notified that the account is gone"
            ));
        }
        if cursor.row_goes {
            notes.push(format!(
                "the account was never confirmed or approved, so its row goes as well{}",
                when_row_goes(server)
            ));
        }
        Ok(notes)
    }
}

/// Rest of the sentence that says when a row is deleted.
fn when_row_goes(server: &Server) -> String {
    if server.publish_wait.is_zero() {
        return ", immediately: the server cannot deliver what is undelivered by then".to_owned();
    }
    let wait = humantime::format_duration(server.publish_wait);
    format!(
        ": as soon as the server has delivered and forgotten it, at the latest {wait} after the \
         last delivery was due"
    )
}

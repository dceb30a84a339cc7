//! Steps of a removal, in small pieces of work.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::{
    DeleteUser, account, announce_deletion,
    cursor::{Cursor, Step},
    notifications, owned_rows,
    relation_list::RelationList,
    relations::{self, Side},
    server_removal,
};
use crate::delete_activities::{self, DeliverBy, FederationMode, deliveries_to_wait_for};
use ostrakon_engine::{Batch, JobError, Parking, Wait};
use ostrakon_server::{
    Actor, Changed, RemovalJob, Server, count_inboxes, find_actor_by_ap_id, refresh_accounts,
};

/// Delays between checks of the server's jobs, in seconds; the last one repeats.
const RECHECK_DELAYS: [u64; 5] = [1, 2, 4, 8, 15];

/// Interval between checks that deliveries which are not yet due still exist.
const RECHECK_DELAY_MAX: Duration = Duration::from_mins(5);

impl DeleteUser {
    /// Does a piece of the run's current step.
    pub(super) async fn step(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut RelationList,
        account: &Actor,
        cursor: &Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        match &cursor.step {
            Step::AnnounceDeletion => self.announce_deletion(db, server, account, cursor).await,
            Step::Notifications { after } => {
                self.notifications(db, account, cursor, *after, limit).await
            }
            Step::Leftovers { kind } => owned_rows(db, account, cursor, kind, limit).await,
            Step::Posts { after } => self.posts(db, server, account, cursor, *after, limit).await,
            Step::Followers { after } => {
                self.unfollow(db, server, state, account, cursor, (Side::Followers, *after, limit))
                    .await
            }
            Step::FollowedAccounts { after } => {
                self.unfollow(db, server, state, account, cursor, (Side::Followed, *after, limit))
                    .await
            }
            Step::FollowRequests => self.requests(db, server, account, cursor, limit).await,
            Step::Deliveries { deadline, checks } => {
                self.deliveries(db, server, account, cursor, (*deadline, *checks)).await
            }
            Step::ServerRemoval { deadline, checks } => {
                server_removal(db, server, account, cursor, (*deadline, *checks)).await
            }
            Step::Account => self.end(db, server, account, cursor).await,
        }
    }

    async fn notifications(
        &self,
        db: &mut PgConnection,
        account: &Actor,
        cursor: &Cursor,
        after: Uuid,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let removed = notifications::remove(db, &account.ap_id, after, cursor.until, limit).await?;
        Ok(match removed {
            Some((done, after)) => Batch::go_on(done, cursor.at(Step::Notifications { after })),
            None => Batch::go_on(0, cursor.at(self.first_leftovers(db).await?)),
        })
    }

    async fn requests(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let done = relations::end_requests(db, account.id, limit).await?;
        let next = match done {
            0 => self.after_requests(db, server, account, cursor).await?,
            _ => Step::FollowRequests,
        };
        Ok(Batch::go_on(done, cursor.at(next)))
    }

    /// Notifies other servers and empties the profile, in one transaction: from then on the account
    /// is gone everywhere. The deletion of an account that was emptied before is announced only if
    /// there are servers that were not notified.
    async fn announce_deletion(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
    ) -> Result<Batch<Cursor>, JobError> {
        let purged = account::is_purged(db, server, account.id).await?;
        let mut deliveries_until = None;
        if !purged || count_inboxes(db, server, account).await? > 0 {
            let wait = deliveries_to_wait_for(db, server).await?;
            if wait.is_some() {
                return Ok(Batch { wait, ..Batch::go_on(0, cursor.clone()) });
            }
            deliveries_until = announce_deletion::announce(db, server, account).await?;
        }
        if server.dialect.report_notifications {
            notifications::remove_reports(db, account.id).await?;
        }
        let changed = account::purge(db, server, account.id).await?;
        if changed && Self::may_refresh(server, cursor.row_goes) {
            refresh_accounts(db, server, &[account.id], Changed::Fields).await?;
        }
        let done = i64::from(!purged && !cursor.row_goes);
        let next = cursor.at(Step::Notifications { after: Uuid::nil() });
        Ok(Batch { deliveries_until, ..Batch::go_on(done, next) })
    }

    /// Returns the step for the first kind of leftovers. They go before the posts, which take some
    /// of them along: so the plan can count them.
    async fn first_leftovers(&self, db: &mut PgConnection) -> Result<Step, JobError> {
        let first = if self.thorough { owned_rows::kind_after(db, None).await? } else { None };
        Ok(first.map_or(Step::Posts { after: Uuid::nil() }, |kind| Step::Leftovers { kind }))
    }

    async fn posts(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
        after: Uuid,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let manner = FederationMode {
            telling: if self.federate_posts { DeliverBy::Direct } else { DeliverBy::Nobody },
            names_create: server.dialect.names_deleted_activity,
        };
        let posts = delete_activities::Cursor { after, until: cursor.until };
        let batch = delete_activities::delete_some(db, server, account, manner, None, posts, limit)
            .await?
            .batch;
        let next = if batch.end {
            Step::Followers { after: 0 }
        } else {
            Step::Posts { after: batch.cursor.after }
        };
        let at_post =
            |place: delete_activities::Cursor| cursor.at(Step::Posts { after: place.after });
        let parked = batch.parked.into_iter().map(|parking| parking.map(at_post)).collect();
        let Batch { done, wait, deliveries_until, written, .. } = batch;
        let next = Batch::go_on(done, cursor.at(next));
        Ok(Batch { parked, wait, deliveries_until, written, ..next })
    }

    /// Continues when the relations are gone: only now may the server be asked for the reload that
    /// ends relations as well.
    async fn after_requests(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
    ) -> Result<Step, JobError> {
        let reported = cursor.needed && Self::may_refresh(server, cursor.row_goes);
        match server_removal::is_asked_for(server, cursor.row_goes) {
            true if reported && !cursor.row_goes => {
                server_removal::ask(db, server, account.id).await?;
            }
            // Any other job would put the old profile into memory again.
            true if matches!(server.dialect.removal_job, RemovalJob::Always { .. }) => {}
            _ if reported => {
                refresh_accounts(db, server, &[account.id], Changed::Activation).await?;
            }
            _ => {}
        }
        let needed = cursor.row_goes || account::keeps_keys_for_deliveries(server);
        let deadline = if needed {
            announce_deletion::deadline(db, server, cursor.deliveries_until).await?
        } else {
            None
        };
        Ok(deadline.map_or(Step::Account, |deadline| Step::Deliveries { deadline, checks: 0 }))
    }

    /// Checks whether the server is done; waits longer after each check.
    async fn deliveries(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
        (deadline, checks): (DateTime<Utc>, u32),
    ) -> Result<Batch<Cursor>, JobError> {
        let Some(not_yet_due) =
            announce_deletion::must_wait(db, account, cursor.deliveries_until, deadline).await?
        else {
            return self.after_deliveries(db, server, account, cursor, deadline).await;
        };
        let again = Step::Deliveries { deadline, checks: checks.saturating_add(1) };
        let delay = not_yet_due.min(RECHECK_DELAY_MAX).max(delay(checks));
        let reason = "the server to deliver what other servers are told, and to forget the account";
        let wait = Some(Wait { delay, reason: reason.to_owned() });
        Ok(Batch { wait, ..Batch::go_on(0, cursor.at(again)) })
    }

    /// Continues when nothing needs the account's keys any more: lets the server remove the account
    /// from its memory, unless the server is down and missed the deadline for the deliveries.
    async fn after_deliveries(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
        deadline: DateTime<Utc>,
    ) -> Result<Batch<Cursor>, JobError> {
        let asked = cursor.row_goes
            && cursor.needed
            && server_removal::is_asked_for(server, cursor.row_goes)
            && !announce_deletion::is_over(db, deadline).await?;
        let until = if asked { announce_deletion::deadline(db, server, None).await? } else { None };
        let Some(deadline) = until.map(|until| until.min(deadline)) else {
            return Ok(Batch::go_on(0, cursor.at(Step::Account)));
        };
        if let Some(again) = self.second_pass(db, server, account, cursor).await? {
            return Ok(Batch::go_on(0, again));
        }
        server_removal::ask(db, server, account.id).await?;
        Ok(Batch::go_on(0, cursor.at(Step::ServerRemoval { deadline, checks: 0 })))
    }

    /// Deletes the row, or the rest of its contents.
    async fn end(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
    ) -> Result<Batch<Cursor>, JobError> {
        let here = cursor.clone();
        if !cursor.row_goes {
            // The server may have written a counter meanwhile.
            account::purge(db, server, account.id).await?;
            account::purge_keys(db, server, account.id).await?;
            return Ok(Batch { end: true, ..Batch::go_on(0, here) });
        }
        if has_report_notes(db, account.id).await? {
            let parked = vec![Parking {
                item: account.ap_id.clone(),
                reason: "it has written notes on reports, so its row stays, emptied".to_owned(),
                cursor: here.clone(),
            }];
            return Ok(Batch { end: true, parked, ..Batch::go_on(0, here) });
        }
        if let Some(again) = self.second_pass(db, server, account, cursor).await? {
            return Ok(Batch::go_on(0, again));
        }
        if let Some(reason) = delete_row(db, account.id).await? {
            let item = account.ap_id.clone();
            let parked = vec![Parking { item, reason, cursor: here.clone() }];
            return Ok(Batch { end: true, parked, ..Batch::go_on(0, here) });
        }
        Ok(Batch { end: true, ..Batch::go_on(1, here) })
    }

    /// Returns a cursor for another pass if other sessions have written something behind the run.
    /// The account's row is not checked: without the row nothing could find these writes any more.
    async fn second_pass(
        &self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        cursor: &Cursor,
    ) -> Result<Option<Cursor>, JobError> {
        if cursor.second_pass {
            return Ok(None);
        }
        let account_aside = Cursor { row_goes: false, ..cursor.clone() };
        let counts = self.counts_in_range(db, server, account, &account_aside).await?;
        let left = counts.iter().any(|count| count.items > 0);
        Ok(left.then(|| Cursor { second_pass: true, ..cursor.at(Step::BEGINNING) }))
    }

    /// Ends the next relations of a side, or continues with the next step.
    async fn unfollow(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut RelationList,
        account: &Actor,
        cursor: &Cursor,
        (side, after, limit): (Side, i64, i64),
    ) -> Result<Batch<Cursor>, JobError> {
        let range = (side, after, cursor.last_relation);
        let relations = relations::read(db, server, account, state, range, limit).await?;
        let Some(last) = relations.last() else {
            return Ok(Batch::go_on(
                0,
                cursor.at(match side {
                    Side::Followers => Step::FollowedAccounts { after: 0 },
                    Side::Followed => Step::FollowRequests,
                }),
            ));
        };
        let wait = deliveries_to_wait_for(db, server).await?;
        if wait.is_some() {
            return Ok(Batch { wait, ..Batch::go_on(0, cursor.clone()) });
        }
        let next = match side {
            Side::Followers => Step::Followers { after: last.id },
            Side::Followed => Step::FollowedAccounts { after: last.id },
        };
        let done = i64::try_from(relations.len()).unwrap_or(i64::MAX);
        let deliveries_until = relations::end(db, server, account, side, relations).await?;
        Ok(Batch { deliveries_until, ..Batch::go_on(done, cursor.at(next)) })
    }

    /// Whether the server may be asked to reload the account: not if its row may be gone before the
    /// server takes the job, since that job would fail and the stale account would stay for good.
    pub(super) fn may_refresh(server: &Server, row_goes: bool) -> bool {
        !row_goes || !server.publish_wait.is_zero()
    }
}

/// Removes rows of one kind, then continues with the next kind.
async fn owned_rows(
    db: &mut PgConnection,
    account: &Actor,
    cursor: &Cursor,
    kind: &str,
    limit: i64,
) -> Result<Batch<Cursor>, JobError> {
    let done = owned_rows::remove(db, account.id, kind, limit).await?;
    let next = match done {
        0 => owned_rows::kind_after(db, Some(kind)).await?,
        _ => Some(kind.to_owned()),
    };
    let next = next.map_or(Step::Posts { after: Uuid::nil() }, |kind| Step::Leftovers { kind });
    Ok(Batch { rows: Some(done), ..Batch::go_on(done, cursor.at(next)) })
}

/// Checks whether the server has removed the account. The server's job deletes the row, too.
async fn server_removal(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
    cursor: &Cursor,
    (deadline, checks): (DateTime<Utc>, u32),
) -> Result<Batch<Cursor>, JobError> {
    if server_removal::must_wait(db, account.id, deadline).await? {
        let again = Step::ServerRemoval { deadline, checks: checks.saturating_add(1) };
        let reason = "the server to remove the account from its memory".to_owned();
        let wait = Some(Wait { delay: delay(checks), reason });
        return Ok(Batch { wait, ..Batch::go_on(0, cursor.at(again)) });
    }
    let left = find_actor_by_ap_id(db, server, &account.ap_id).await?;
    Ok(Batch::go_on(i64::from(left.is_none()), cursor.at(Step::Account)))
}

/// Delay before the next check.
fn delay(checks: u32) -> Duration {
    let index = usize::try_from(checks).unwrap_or(usize::MAX).min(RECHECK_DELAYS.len() - 1);
    Duration::from_secs(RECHECK_DELAYS[index])
}

/// Deletes the account's row. Returns the reason if another table, which need not be the server's,
/// prevents that.
async fn delete_row(db: &mut PgConnection, account: Uuid) -> Result<Option<String>, JobError> {
    let mut attempt = db.begin().await?;
    let deleted = sqlx::query("delete from public.users where id = $1")
        .bind(account)
        .execute(&mut *attempt)
        .await;
    match deleted.map_err(JobError::from) {
        Ok(_) => {
            attempt.commit().await?;
            Ok(None)
        }
        Err(JobError::Row { error, .. }) => {
            attempt.rollback().await?;
            Ok(Some(format!("its row stays, emptied: {error:#}")))
        }
        Err(error) => Err(error),
    }
}

async fn has_report_notes(db: &mut PgConnection, account: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from public.report_notes where user_id = $1)")
        .bind(account)
        .fetch_one(db)
        .await
}

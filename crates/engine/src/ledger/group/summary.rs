//! What is known of a group: the sum of its runs.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{FromRow, PgConnection};

use crate::{Status, ledger::Run};

/// A group, summed up.
#[derive(Debug, Clone, FromRow)]
pub struct Group {
    /// ULID of the group.
    pub id: String,
    /// [`Job::NAME`](crate::Job::NAME) of its runs.
    pub job: String,
    /// What its runs are about: `2,000 hosts`.
    pub subject: String,
    /// Operator who requested it.
    pub requested_by: String,
    /// Role that was logged in to the database.
    pub database_user: Option<String>,
    /// Reason, if the operator gave one.
    pub reason: Option<String>,
    /// Time of the request.
    pub created_at: DateTime<Utc>,
    /// Number of queued runs.
    pub queued: i64,
    /// Number of runs that are being worked on: 0 or 1, or more if a lease ran out.
    pub running: i64,
    /// Number of paused runs.
    pub paused: i64,
    /// Number of succeeded runs.
    pub succeeded: i64,
    /// Number of incomplete runs.
    pub incomplete: i64,
    /// Number of failed runs.
    pub failed: i64,
    /// Number of cancelled runs.
    pub cancelled: i64,
    /// Items of all plans together.
    pub total: i64,
    /// Items dealt with and committed.
    pub done: i64,
    /// Parked items.
    pub parked: i64,
    /// Subject of the run that is being worked on.
    pub current: Option<String>,
    /// What a queued run waits for.
    pub waits_for: Option<String>,
    /// Reason why that run is throttled.
    pub throttle_reason: Option<String>,
    /// Time when a worker first claimed one of its runs.
    pub started_at: Option<DateTime<Utc>>,
    /// Time when its last run ended; `None` while any is unfinished.
    pub finished_at: Option<DateTime<Utc>>,
    /// Time when the last delivery that its runs requested is due.
    pub deliveries_until: Option<DateTime<Utc>>,
    /// Time of this summary, by the database's clock.
    pub now: DateTime<Utc>,
}

impl Group {
    /// Number of its runs.
    pub const fn runs(&self) -> i64 {
        self.unfinished() + self.finished()
    }

    /// Number of its runs that have ended.
    pub const fn finished(&self) -> i64 {
        self.succeeded + self.incomplete + self.failed + self.cancelled
    }

    /// Number of its runs that have not ended.
    pub const fn unfinished(&self) -> i64 {
        self.queued + self.running + self.paused
    }

    /// Number of its runs with a status.
    pub const fn with_status(&self, status: Status) -> i64 {
        match status {
            Status::Queued => self.queued,
            Status::Running => self.running,
            Status::Paused => self.paused,
            Status::Succeeded => self.succeeded,
            Status::Incomplete => self.incomplete,
            Status::Failed => self.failed,
            Status::Cancelled => self.cancelled,
        }
    }

    /// Status of the whole. While any run is unfinished, that of the liveliest; after that, that of
    /// the run that ended worst.
    pub const fn status(&self) -> Status {
        if self.running > 0 {
            Status::Running
        } else if self.queued > 0 {
            Status::Queued
        } else if self.paused > 0 {
            Status::Paused
        } else if self.failed > 0 {
            Status::Failed
        } else if self.cancelled > 0 {
            Status::Cancelled
        } else if self.incomplete > 0 {
            Status::Incomplete
        } else {
            Status::Succeeded
        }
    }

    /// Per cent of the items that are dealt with or parked, rounded down; 100 only at the end.
    pub const fn per_cent(&self) -> i64 {
        if self.unfinished() == 0 {
            return 100;
        }
        if self.total <= 0 {
            return 0;
        }
        let share = (self.done + self.parked).saturating_mul(100) / self.total;
        if share > 99 { 99 } else { share }
    }

    /// Time left if the rest goes as fast as what is done; `None` if nothing is running or done.
    pub fn time_left(&self) -> Option<TimeDelta> {
        let dealt_with = self.done + self.parked;
        if self.status() != Status::Running || dealt_with <= 0 {
            return None;
        }
        let elapsed_ms = (self.now - self.started_at?).num_milliseconds().max(0);
        let rest = (self.total - dealt_with).max(0);
        let left_ms = i128::from(elapsed_ms) * i128::from(rest) / i128::from(dealt_with);
        TimeDelta::try_milliseconds(i64::try_from(left_ms).ok()?)
    }
}

/// Summary of the groups that one of these conditions picks; the others are NULL.
const SUMMARY: &str = include_str!("summary.sql");

/// Reads a group.
pub async fn find_group(db: &mut PgConnection, id: &str) -> sqlx::Result<Option<Group>> {
    sqlx::query_as(SUMMARY)
        .bind(id)
        .bind(None::<&str>)
        .bind(None::<&str>)
        .bind(1_i64)
        .fetch_optional(db)
        .await
}

/// Lists groups, newest first: those of a job, and those with any run of a status.
pub async fn groups(
    db: &mut PgConnection,
    job: Option<&str>,
    status: Option<Status>,
    limit: i64,
) -> sqlx::Result<Vec<Group>> {
    sqlx::query_as(SUMMARY)
        .bind(None::<&str>)
        .bind(job)
        .bind(status.map(Status::name))
        .bind(limit)
        .fetch_all(db)
        .await
}

/// Lists runs of a group in the order of their turns, or only those with a status.
pub async fn runs_of_group(
    db: &mut PgConnection,
    id: &str,
    status: Option<Status>,
    limit: i64,
) -> sqlx::Result<Vec<Run>> {
    sqlx::query_as(
        "select * from ostrakon.runs
         where group_id = $1 and ($2::text is null or status = $2)
         order by id limit $3",
    )
    .bind(id)
    .bind(status.map(Status::name))
    .bind(limit)
    .fetch_all(db)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(100);
        Group {
            id: String::new(),
            job: String::new(),
            subject: String::new(),
            requested_by: String::new(),
            database_user: None,
            reason: None,
            created_at: DateTime::UNIX_EPOCH,
            queued: 0,
            running: 0,
            paused: 0,
            succeeded: 0,
            incomplete: 0,
            failed: 0,
            cancelled: 0,
            total: 0,
            done: 0,
            parked: 0,
            current: None,
            waits_for: None,
            throttle_reason: None,
            started_at: Some(DateTime::UNIX_EPOCH),
            finished_at: None,
            deliveries_until: None,
            now,
        }
    }

    #[test]
    fn a_group_is_as_good_as_its_worst_run() {
        let ended = Group { succeeded: 5, ..group() };
        assert_eq!(ended.status(), Status::Succeeded);
        assert_eq!(Group { incomplete: 1, ..ended.clone() }.status(), Status::Incomplete);
        let cancelled = Group { incomplete: 1, cancelled: 1, ..ended };
        assert_eq!(cancelled.status(), Status::Cancelled);
        let failed = Group { failed: 1, ..cancelled };
        assert_eq!(failed.status(), Status::Failed);
        let paused = Group { paused: 1, ..failed };
        assert_eq!(paused.status(), Status::Paused);
        let queued = Group { queued: 1, ..paused };
        assert_eq!(queued.status(), Status::Queued);
        assert_eq!(Group { running: 1, ..queued }.status(), Status::Running);
    }

    #[test]
    fn a_group_is_not_at_its_end_before_its_last_run_is() {
        let all_but_the_end = Group { running: 1, done: 9, parked: 1, total: 10, ..group() };
        assert_eq!(all_but_the_end.per_cent(), 99);
        assert_eq!(Group { running: 0, succeeded: 1, ..all_but_the_end }.per_cent(), 100);
        assert_eq!(Group { queued: 1, ..group() }.per_cent(), 0);
    }

    #[test]
    fn the_rest_takes_as_long_per_item_as_what_is_done() {
        let half = Group { running: 1, done: 40, parked: 10, total: 100, ..group() };
        assert_eq!(half.time_left(), Some(TimeDelta::seconds(100)));
        assert_eq!(Group { done: 0, parked: 0, ..half.clone() }.time_left(), None);
        assert_eq!(Group { running: 0, paused: 1, ..half }.time_left(), None);
    }
}

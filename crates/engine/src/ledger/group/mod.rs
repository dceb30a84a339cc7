//! Groups: runs that were requested together.
//!
//! A group has no state of its own: what is known of it is summed up from its runs. At most one of
//! them is worked on at a time, since runs of one job would wait for each other's rows.

mod control;
mod summary;
mod turn;

use sqlx::PgConnection;

pub use control::{cancel_group, pause_group, resume_group, retry_group, set_group_speed};
pub use summary::{Group, find_group, groups, runs_of_group};
pub use turn::{next_of_group, single_runs_waiting};

pub(super) use turn::takes_turn;

/// A group that an operator requests.
#[derive(Debug)]
pub struct NewGroup<'a> {
    /// ULID of the group.
    pub id: &'a str,
    /// [`Job::NAME`](crate::Job::NAME) of its runs.
    pub job: &'a str,
    /// What its runs are about: `2,000 hosts`.
    pub subject: &'a str,
    /// Operator who requests it.
    pub requested_by: &'a str,
    /// Reason, if the operator gives one.
    pub reason: Option<&'a str>,
}

/// Writes a group, in the transaction that writes its runs.
pub async fn create_group(db: &mut PgConnection, group: &NewGroup<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "insert into ostrakon.groups (id, job, subject, requested_by, reason)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(group.id)
    .bind(group.job)
    .bind(group.subject)
    .bind(group.requested_by)
    .bind(group.reason)
    .execute(db)
    .await?;
    Ok(())
}

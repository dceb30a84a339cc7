//! The one model of a group that interfaces show: as JSON a stable interface for scripts.

use ostrakon_engine::{Status, ledger::Group};
use serde::Serialize;

use super::run_view::text;

/// One group of runs, with times as RFC 3339 in UTC.
#[derive(Debug, Serialize)]
pub(crate) struct GroupView<'a> {
    group_id: &'a str,
    job: &'a str,
    subject: &'a str,
    status: Status,
    runs: i64,
    runs_by_status: RunsByStatus,
    total: i64,
    done: i64,
    parked: i64,
    per_cent: i64,
    seconds_left: Option<i64>,
    current: Option<&'a str>,
    waits_for: Option<&'a str>,
    throttle_reason: Option<&'a str>,
    requested_by: &'a str,
    reason: Option<&'a str>,
    database_user: Option<&'a str>,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    deliveries_until: Option<String>,
}

/// Number of runs with each status.
#[derive(Debug, Serialize)]
struct RunsByStatus {
    queued: i64,
    running: i64,
    paused: i64,
    succeeded: i64,
    incomplete: i64,
    failed: i64,
    cancelled: i64,
}

impl<'a> GroupView<'a> {
    /// JSON form of a group.
    pub(crate) fn of(group: &'a Group) -> Self {
        Self {
            group_id: &group.id,
            job: &group.job,
            subject: &group.subject,
            status: group.status(),
            runs: group.runs(),
            runs_by_status: RunsByStatus {
                queued: group.queued,
                running: group.running,
                paused: group.paused,
                succeeded: group.succeeded,
                incomplete: group.incomplete,
                failed: group.failed,
                cancelled: group.cancelled,
            },
            total: group.total,
            done: group.done,
            parked: group.parked,
            per_cent: group.per_cent(),
            seconds_left: group.time_left().map(|left| left.num_seconds()),
            current: group.current.as_deref(),
            waits_for: group.waits_for.as_deref(),
            throttle_reason: group.throttle_reason.as_deref(),
            requested_by: &group.requested_by,
            reason: group.reason.as_deref(),
            database_user: group.database_user.as_deref(),
            created_at: text(group.created_at),
            started_at: group.started_at.map(text),
            finished_at: group.finished_at.map(text),
            deliveries_until: group.deliveries_until.map(text),
        }
    }
}

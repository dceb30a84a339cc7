//! The one model of a run that interfaces show: as JSON a stable interface for scripts.

use chrono::{DateTime, SecondsFormat, Utc};
use ostrakon_engine::{
    Count, Status,
    ledger::{Event, Parked, Run},
};
use serde::Serialize;
use serde_json::Value;

/// One run, with times as RFC 3339 in UTC.
#[derive(Debug, Serialize)]
pub(crate) struct RunView<'a> {
    run_id: Option<&'a str>,
    group_id: Option<&'a str>,
    job: &'a str,
    subject: &'a str,
    status: StatusView,
    planned: i64,
    total: Option<i64>,
    done: i64,
    parked: i64,
    attempt: i32,
    error: Option<&'a str>,
    plan: &'a [Count],
    step: Option<String>,
    waits_for: Option<&'a str>,
    speed: f64,
    throttle: Option<ThrottleView<'a>>,
    throttled_ms: i64,
    requested_by: Option<&'a str>,
    on_behalf_of: Option<&'a str>,
    reason: Option<&'a str>,
    database_user: Option<&'a str>,
    created_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    deliveries_until: Option<String>,
    /// Only where one run is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    parked_items: Option<Vec<ParkedView<'a>>>,
    /// Only where one run is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<EventView<'a>>>,
}

/// Status of a run, or the reason why there is none.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum StatusView {
    Run(Status),
    /// No account is known that the job would concern.
    None(&'static str),
}

/// Check that throttles the run now.
#[derive(Debug, Serialize)]
struct ThrottleView<'a> {
    name: &'a str,
    reason: &'a str,
    since: Option<String>,
}

/// An item that could not be done.
#[derive(Debug, Serialize)]
struct ParkedView<'a> {
    item: &'a str,
    reason: &'a str,
    sqlstate: Option<&'a str>,
    at: String,
}

/// An event in the history of a run.
#[derive(Debug, Serialize)]
struct EventView<'a> {
    event: &'a str,
    actor: &'a str,
    at: String,
    detail: &'a Value,
}

impl<'a> ThrottleView<'a> {
    fn of(run: &'a Run) -> Option<Self> {
        let reason = run.throttled()?;
        Some(Self { name: run.throttle.as_deref()?, reason, since: run.throttled_at.map(text) })
    }
}

/// RFC 3339 in UTC, with milliseconds.
pub(super) fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl<'a> RunView<'a> {
    /// JSON form of a run.
    pub(crate) fn of(run: &'a Run) -> Self {
        Self {
            run_id: Some(&run.id),
            group_id: run.group_id.as_deref(),
            job: &run.job,
            subject: &run.subject,
            status: StatusView::Run(run.status),
            planned: run.plan.total,
            total: run.total,
            done: run.done,
            parked: run.parked,
            attempt: run.attempt,
            error: run.last_error.as_deref(),
            plan: &run.plan.counts,
            step: run.step().filter(|_| !run.status.is_finished()),
            waits_for: run.waits_for(),
            speed: run.speed,
            throttle: ThrottleView::of(run),
            throttled_ms: run.throttled_ms,
            requested_by: Some(&run.requested_by),
            on_behalf_of: run.payload.get("on_behalf_of").and_then(Value::as_str),
            reason: run.reason.as_deref(),
            database_user: run.database_user.as_deref(),
            created_at: Some(text(run.created_at)),
            started_at: run.started_at.map(text),
            finished_at: run.finished_at.map(text),
            deliveries_until: run.deliveries_until.map(text),
            parked_items: None,
            events: None,
        }
    }

    /// The run with its parked items and its history.
    pub(crate) fn with_history(run: &'a Run, parked: &'a [Parked], events: &'a [Event]) -> Self {
        let parked = parked.iter().map(|Parked { item, reason, sqlstate, at }| ParkedView {
            item,
            reason,
            sqlstate: sqlstate.as_deref(),
            at: text(*at),
        });
        let events = events.iter().map(|event| EventView {
            event: &event.event,
            actor: &event.actor,
            at: text(event.at),
            detail: &event.detail,
        });
        Self {
            parked_items: Some(parked.collect()),
            events: Some(events.collect()),
            ..Self::of(run)
        }
    }

    /// JSON form of a job with nothing to do, and therefore without a run.
    pub(crate) fn nothing_to_do(job: &'a str, subject: &'a str) -> Self {
        Self {
            run_id: None,
            group_id: None,
            job,
            subject,
            status: StatusView::Run(Status::Succeeded),
            planned: 0,
            total: Some(0),
            done: 0,
            parked: 0,
            attempt: 0,
            error: None,
            plan: &[],
            step: None,
            waits_for: None,
            speed: 1.0,
            throttle: None,
            throttled_ms: 0,
            requested_by: None,
            on_behalf_of: None,
            reason: None,
            database_user: None,
            created_at: None,
            started_at: None,
            finished_at: None,
            deliveries_until: None,
            parked_items: None,
            events: None,
        }
    }

    /// JSON form of a job whose subject is unknown here, and therefore without a run.
    pub(crate) fn unknown(job: &'a str, subject: &'a str, error: &'a str) -> Self {
        let nothing = Self::nothing_to_do(job, subject);
        Self { status: StatusView::None("unknown"), error: Some(error), ..nothing }
    }
}

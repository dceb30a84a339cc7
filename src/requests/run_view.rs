//! JSON form of a run: a stable interface for scripts.

use chrono::{DateTime, SecondsFormat, Utc};
use ostrakon_engine::{Status, ledger::Run};
use serde::Serialize;

/// One run, with times as RFC 3339 in UTC.
#[derive(Debug, Serialize)]
pub(super) struct RunJson<'a> {
    run_id: Option<&'a str>,
    job: &'a str,
    subject: &'a str,
    status: StatusJson,
    planned: i64,
    total: Option<i64>,
    done: i64,
    parked: i64,
    attempt: i32,
    error: Option<&'a str>,
    speed: f64,
    throttle: Option<ThrottleJson<'a>>,
    throttled_ms: i64,
    requested_by: Option<&'a str>,
    database_user: Option<&'a str>,
    created_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    deliveries_until: Option<String>,
}

/// Status of a run, or the reason why there is none.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum StatusJson {
    Run(Status),
    /// No account is known that the job would concern.
    None(&'static str),
}

/// Check that throttles the run now.
#[derive(Debug, Serialize)]
struct ThrottleJson<'a> {
    name: &'a str,
    reason: &'a str,
    since: Option<String>,
}

impl<'a> ThrottleJson<'a> {
    fn of(run: &'a Run) -> Option<Self> {
        let reason = run.throttled()?;
        Some(Self { name: run.throttle.as_deref()?, reason, since: run.throttled_at.map(text) })
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl<'a> RunJson<'a> {
    /// JSON form of a run.
    pub(super) fn of(run: &'a Run) -> Self {
        Self {
            run_id: Some(&run.id),
            job: &run.job,
            subject: &run.subject,
            status: StatusJson::Run(run.status),
            planned: run.plan.total,
            total: run.total,
            done: run.done,
            parked: run.parked,
            attempt: run.attempt,
            error: run.last_error.as_deref(),
            speed: run.speed,
            throttle: ThrottleJson::of(run),
            throttled_ms: run.throttled_ms,
            requested_by: Some(&run.requested_by),
            database_user: run.database_user.as_deref(),
            created_at: Some(text(run.created_at)),
            started_at: run.started_at.map(text),
            finished_at: run.finished_at.map(text),
            deliveries_until: run.deliveries_until.map(text),
        }
    }

    /// JSON form of a job with nothing to do, and therefore without a run.
    pub(super) fn nothing_to_do(job: &'a str, subject: &'a str) -> Self {
        Self {
            run_id: None,
            job,
            subject,
            status: StatusJson::Run(Status::Succeeded),
            planned: 0,
            total: Some(0),
            done: 0,
            parked: 0,
            attempt: 0,
            error: None,
            speed: 1.0,
            throttle: None,
            throttled_ms: 0,
            requested_by: None,
            database_user: None,
            created_at: None,
            started_at: None,
            finished_at: None,
            deliveries_until: None,
        }
    }

    /// JSON form of a job whose subject is unknown here, and therefore without a run.
    pub(super) fn unknown(job: &'a str, subject: &'a str, error: &'a str) -> Self {
        let nothing = Self::nothing_to_do(job, subject);
        Self { status: StatusJson::None("unknown"), error: Some(error), ..nothing }
    }
}

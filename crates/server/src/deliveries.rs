//! Deliveries that the server is given, spread over time (docs/semantics.md 1.8).
//!
//! Each delivery job takes a slot: a time, not before now, at which it becomes due. A second has a
//! limited number of slots for all runs and workers together; `ostrakon.delivery_schedule` records
//! which are taken. Jobs with a slot in the current second are written as the original writes
//! them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Actor, Flake, ObanJob, Server, insert_oban_jobs, oban::DELIVERIES};

/// Excess of due deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Numbers of due and of allowed deliveries: the end of a sentence that begins with `waits
    /// for`.
    pub reason: String,
    /// Time until the next check.
    pub recheck: Duration,
}

/// Time at which this process last found that the server keeps up with its deliveries.
#[derive(Debug, Default)]
pub struct Deliveries(Mutex<Option<Instant>>);

/// Time for which a check of the server's queue remains valid.
const CHECK_VALID_FOR: Duration = Duration::from_secs(10);

/// Interval between a run's checks of a backlog. An otherwise idle server delivers thousands in
/// that time.
const RECHECK: Duration = Duration::from_secs(15);

impl Deliveries {
    fn last_check(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checked_recently(&self) -> bool {
        self.last_check().is_some_and(|at| at.elapsed() < CHECK_VALID_FOR)
    }
}

/// Whether more deliveries are due than allowed, in a queue from which the server takes jobs.
///
/// Deliveries that become due later do not count: they cost the server nothing yet, and however
/// many they are, no run has to wait for them. A queue from which nothing is taken does not count
/// either: it belongs to a server that is down, and waiting would not make it shorter. The server's
/// own deliveries cannot be distinguished, and count.
///
/// # Errors
/// Those of the database.
pub async fn backlog(db: &mut PgConnection, server: &Server) -> sqlx::Result<Option<Backlog>> {
    if server.deliveries.checked_recently() {
        return Ok(None);
    }
    let max = server.federation.max_waiting;
    // By the index on state and queue only, and never more rows than matter.
    let is_behind: bool = sqlx::query_scalar(
        "select (select count(*) from (
                     select from public.oban_jobs
                     where state = 'available' and queue = $1 limit $2 + 1) as due) > $2
            and exists (
                select from public.oban_jobs
                where state = 'executing' and queue = $1
                  and attempted_at > timezone('UTC', now()) - interval '5 min')",
    )
    // Planned again each time, as in the check for the oldest job.
    .persistent(false)
    .bind(DELIVERIES)
    .bind(max)
    .fetch_one(db)
    .await?;
    if !is_behind {
        *server.deliveries.last_check() = Some(Instant::now());
        return Ok(None);
    }
    let reason = format!(
        "deliveries: more than {max} are due in the server's queue {DELIVERIES}, allowed are {max} \
         (federation.max_waiting)"
    );
    Ok(Some(Backlog { reason, recheck: RECHECK }))
}

/// Inserts jobs in the order given; the deliveries among them take the next slots. Returns when
/// the last delivery is due, unless all are due immediately.
///
/// Locks the clock until the commit, so it comes late in a batch, but before activities are
/// deleted, which locks the host's row in `counter_cache`: all sessions take the two locks in this
/// order.
pub async fn insert_deliveries(
    db: &mut PgConnection,
    server: &Server,
    mut jobs: Vec<ObanJob>,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    let mut deliveries: Vec<&mut ObanJob> =
        jobs.iter_mut().filter(|job| job.queue == DELIVERIES).collect();
    let number = i64::try_from(deliveries.len()).unwrap_or(i64::MAX);
    let mut last = None;
    if number > 0 {
        let slots = DeliverySlots::take(db, server.federation.per_second, number).await?;
        for (job, slot) in deliveries.iter_mut().zip(slots.ahead..) {
            job.scheduled_at = slots.time(slot);
            last = job.scheduled_at;
        }
    }
    insert_oban_jobs(db, &jobs).await?;
    Ok(last.map(|last| last.and_utc()))
}

/// Delivery slots that were taken.
struct DeliverySlots {
    /// Current second (UTC).
    now: NaiveDateTime,
    /// Number of slots, from the beginning of this second, that were already taken.
    ahead: i64,
    per_second: i64,
}

impl DeliverySlots {
    async fn take(db: &mut PgConnection, per_second: i64, number: i64) -> sqlx::Result<Self> {
        let (now, ahead) = sqlx::query_as(include_str!("take_slots.sql"))
            .bind(per_second)
            .bind(number)
            .fetch_one(db)
            .await?;
        Ok(Self { now, ahead, per_second })
    }

    /// Time at which the job at a slot is due, with the slots of a second spread evenly over it;
    /// `None` if it is due immediately.
    fn time(&self, slot: i64) -> Option<NaiveDateTime> {
        if slot < self.per_second {
            return None;
        }
        let seconds = TimeDelta::try_seconds(slot / self.per_second)?;
        let rest = slot % self.per_second * 1_000_000 / self.per_second;
        self.now.checked_add_signed(seconds + TimeDelta::microseconds(rest))
    }
}

/// Note for the operator before this many deliveries are requested; `None` if the last of them is
/// due within a minute.
pub fn spread_note(server: &Server, deliveries: i64) -> Option<String> {
    let per_second = server.federation.per_second;
    let minutes = deliveries / per_second / 60;
    (server.federating && minutes > 0).then(|| {
        let span = Duration::from_secs(minutes.unsigned_abs() * 60);
        format!(
            "other servers are notified over about {}, at a rate of {per_second} per second \
             (federation.per_second)",
            humantime::format_duration(span)
        )
    })
}

/// Note for the operator before an account is deactivated whose deletions the server has yet to
/// deliver (docs/semantics.md 1.6.11).
pub async fn lost_deliveries_note(
    db: &mut PgConnection,
    account: &Actor,
) -> sqlx::Result<Option<String>> {
    // The last one is delivered last.
    let last: Option<Uuid> = sqlx::query_scalar(
        // By the account's index: the index on ids alone would read everything that other accounts
        // did since.
        "select id from (
             select id, data ->> 'type' as type from public.activities
             where actor = any (array[$1]) order by actor, id desc nulls last limit 100) as latest
         where type in ('Delete', 'Undo') order by id desc limit 1",
    )
    .bind(&account.ap_id)
    .fetch_optional(&mut *db)
    .await?;
    let Some(last) = last.filter(|_| account.local && account.active) else { return Ok(None) };
    let waits: bool = sqlx::query_scalar(
        "select exists (
             select from public.oban_jobs
             where args @> jsonb_build_object('op', 'publish', 'activity_id', $1::text)
               and queue = $2 and state in ('available', 'scheduled', 'retryable'))",
    )
    .bind(Flake(last).to_string())
    .bind(DELIVERIES)
    .fetch_one(db)
    .await?;
    Ok(waits.then(|| {
        "the server has not yet delivered all deletions by this account, and delivers nothing for \
         a deactivated account: undelivered deletions are lost"
            .to_owned()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_second_are_spread_over_it() {
        let now = DateTime::UNIX_EPOCH.naive_utc();
        let slots = DeliverySlots { now, ahead: 0, per_second: 4 };
        let due = |slot| slots.time(slot).map(|time| (time - now).num_milliseconds());
        assert_eq!([0, 3].map(due), [None, None]);
        assert_eq!([4, 5, 7, 8].map(due), [Some(1_000), Some(1_250), Some(1_750), Some(2_000)]);
    }
}

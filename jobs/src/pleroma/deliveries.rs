//! What the server is given to deliver, spread over time (docs/semantics.md 1.8).
//!
//! A job for a delivery takes a place: a moment not before now at which it becomes due. A second
//! has only so many places, for all runs and workers together; `ostrakon.delivery_clock` knows which
//! are taken. Jobs with a place in the second that is now are written as the original writes them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Actor, Flake, ObanJob, Server, insert_oban_jobs, oban::DELIVERIES};

/// How fast the server is given deliveries, and when it has too many.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPace {
    /// At most so many become due in one second; at least 1.
    pub per_second: i64,
    /// No more are written while more than so many are due that the server does not get through.
    pub max_waiting: i64,
}

/// Too many deliveries are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Says how many, and how many may: the end of a sentence that begins with `waits for`.
    pub reason: String,
    /// When it is worth looking again.
    pub recheck: Duration,
}

/// When this process last found that the server gets through its deliveries.
#[derive(Debug, Default)]
pub struct Deliveries(Mutex<Option<Instant>>);

/// A look at the server's queue holds for so long.
const LOOK_HOLDS: Duration = Duration::from_secs(10);

/// How long a run waits before it looks at a backlog again. A server with little else to do delivers
/// thousands in that time.
const RECHECK: Duration = Duration::from_secs(15);

impl Deliveries {
    fn last_look(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looked_lately(&self) -> bool {
        self.last_look().is_some_and(|at| at.elapsed() < LOOK_HOLDS)
    }
}

/// Whether more deliveries are due than may be, in a queue from which the server takes jobs.
///
/// Those of later do not count: they cost the server nothing yet, and however many they are, nobody
/// has to wait for them. Neither does a queue from which nothing is taken: it belongs to a server
/// that is down, and waiting would not make it shorter. The server's own deliveries cannot be told
/// apart, and count.
///
/// # Errors
/// Those of the database.
pub async fn backlog(db: &mut PgConnection, server: &Server) -> sqlx::Result<Option<Backlog>> {
    if server.deliveries.looked_lately() {
        return Ok(None);
    }
    let max = server.federation.pace.max_waiting;
    // From the index on state and queue alone, and never more than matter.
    let is_behind: bool = sqlx::query_scalar(
        "select (select count(*) from (
                     select from public.oban_jobs
                     where state = 'available' and queue = $1 limit $2 + 1) as due) > $2
            and exists (
                select from public.oban_jobs
                where state = 'executing' and queue = $1
                  and attempted_at > timezone('UTC', now()) - interval '5 min')",
    )
    // Planned anew each time, like the look at the oldest job.
    .persistent(false)
    .bind(DELIVERIES)
    .bind(max)
    .fetch_one(db)
    .await?;
    if !is_behind {
        *server.deliveries.last_look() = Some(Instant::now());
        return Ok(None);
    }
    let reason = format!(
        "deliveries: more than {max} are due in the server's queue {DELIVERIES}, allowed are {max} \
         (federation.max_waiting)"
    );
    Ok(Some(Backlog { reason, recheck: RECHECK }))
}

/// Inserts jobs in the order given; those among them that are deliveries take the next places.
/// Gives when the last of these is due, if they are not all due at once.
///
/// Holds the clock until the commit, so it comes late in a batch; but before activities are
/// deleted, which locks the host's row in `counter_cache`: in one order by everybody.
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
        let places = Places::take(db, server.federation.pace.per_second, number).await?;
        for (job, place) in deliveries.iter_mut().zip(places.ahead..) {
            job.scheduled_at = places.time(place);
            last = job.scheduled_at;
        }
    }
    insert_oban_jobs(db, &jobs).await?;
    Ok(last.map(|last| last.and_utc()))
}

/// Places that were taken.
struct Places {
    /// The second that is now (UTC).
    now: NaiveDateTime,
    /// How many places from its beginning were taken by others.
    ahead: i64,
    per_second: i64,
}

impl Places {
    async fn take(db: &mut PgConnection, per_second: i64, number: i64) -> sqlx::Result<Self> {
        let (now, ahead) = sqlx::query_as(include_str!("take_places.sql"))
            .bind(per_second)
            .bind(number)
            .fetch_one(db)
            .await?;
        Ok(Self { now, ahead, per_second })
    }

    /// When the job at a place is due, the places of a second being spread evenly over it; `None`:
    /// at once.
    fn time(&self, place: i64) -> Option<NaiveDateTime> {
        if place < self.per_second {
            return None;
        }
        let seconds = TimeDelta::try_seconds(place / self.per_second)?;
        let rest = place % self.per_second * 1_000_000 / self.per_second;
        self.now.checked_add_signed(seconds + TimeDelta::microseconds(rest))
    }
}

/// What a person should know before so many deliveries are asked for; `None` when it takes less
/// than a minute until the last of them is due.
pub fn spread_note(server: &Server, deliveries: i64) -> Option<String> {
    let per_second = server.federation.pace.per_second;
    let minutes = deliveries / per_second / 60;
    (server.federating && minutes > 0).then(|| {
        let span = Duration::from_secs(minutes.unsigned_abs() * 60);
        format!(
            "other servers are told over about {}, at a pace of {per_second} a second \
             (federation.per_second)",
            humantime::format_duration(span)
        )
    })
}

/// What a person should know before an account is switched off whose deletions the server has yet to
/// tell others (docs/semantics.md 1.6.11).
pub async fn lost_deliveries_note(
    db: &mut PgConnection,
    account: &Actor,
) -> sqlx::Result<Option<String>> {
    // The last one is told last.
    let last: Option<Uuid> = sqlx::query_scalar(
        // By the account's index: by one on the id alone all that others did since would be read.
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
        "the server has yet to tell others of deletions by this account, and delivers nothing of \
         an inactive account: what it has not told by then is lost"
            .to_owned()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_second_are_spread_over_it() {
        let now = DateTime::UNIX_EPOCH.naive_utc();
        let places = Places { now, ahead: 0, per_second: 4 };
        let due = |place| places.time(place).map(|time| (time - now).num_milliseconds());
        assert_eq!([0, 3].map(due), [None, None]);
        assert_eq!([4, 5, 7, 8].map(due), [Some(1_000), Some(1_250), Some(1_750), Some(2_000)]);
    }
}

//! What the server is given to deliver, spread over time (docs/semantics.md 1.8).
//!
//! A job for a delivery takes a place: a moment not before now at which it becomes due. A second
//! has only so many places, for all runs and workers together; `kenoma.delivery_clock` knows which
//! are taken. Jobs with a place in the second that is now are written as the original writes them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Actor, Flake, ObanJob, Server, insert_oban_jobs, oban::DELIVERIES};

/// How many deliveries the server is given, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPace {
    /// At most so many become due in one second; at least 1.
    pub per_second: i64,
    /// No more are written while more than so many wait.
    pub max_waiting: i64,
}

/// Too many deliveries wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Says how many, and how many may: the end of a sentence that begins with `waits for`.
    pub reason: String,
    /// When it is worth looking again.
    pub look_again: Duration,
}

/// How many deliveries this process may write until it counts again.
#[derive(Debug, Default)]
pub struct Deliveries(Mutex<Option<Count>>);

#[derive(Debug, Clone, Copy)]
struct Count {
    at: Instant,
    room: i64,
}

/// A count of what waits holds for so long.
const COUNT_HOLDS: Duration = Duration::from_secs(10);

/// Bounds of the time until the next look at a backlog.
const LOOK_AGAIN: (i64, i64) = (1, 300);

/// So much of what may wait has to be free again before more is written: else there would be a
/// little work and a line in the run's story every second.
const FREED: i64 = 10;

impl Deliveries {
    fn count(&self) -> MutexGuard<'_, Option<Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn have_room(&self) -> bool {
        self.count().is_some_and(|count| count.at.elapsed() < COUNT_HOLDS && count.room >= 0)
    }

    fn counted(&self, room: i64) {
        *self.count() = Some(Count { at: Instant::now(), room });
    }

    fn written(&self, deliveries: i64) {
        if let Some(count) = self.count().as_mut() {
            count.room -= deliveries;
        }
    }
}

impl DeliveryPace {
    /// More wait than may.
    fn backlog(self, waiting: i64, told: &str) -> Backlog {
        let Self { per_second, max_waiting } = self;
        let excess = waiting - (max_waiting - max_waiting / FREED);
        let seconds = (excess / per_second + 1).clamp(LOOK_AGAIN.0, LOOK_AGAIN.1);
        Backlog {
            reason: format!(
                "deliveries: {told} wait, allowed are {max_waiting} (federation.max_waiting)"
            ),
            look_again: Duration::from_secs(seconds.unsigned_abs()),
        }
    }
}

/// Whether more deliveries wait than may: by the clock in every case, and in the server's own queue
/// now and then, for the server may be slower than the clock. The server's own deliveries cannot be
/// told apart there, and count.
pub async fn backlog(db: &mut PgConnection, server: &Server) -> sqlx::Result<Option<Backlog>> {
    let pace = server.federation.pace;
    // What is due in this second does not wait any more.
    let ahead: i64 = sqlx::query_scalar(
        "select case when second > this
                then (extract(epoch from second - this)::bigint - 1) * $1 + least(taken, $1)
                else 0 end
         from kenoma.delivery_clock, date_trunc('second', clock_timestamp()) as this where only_row",
    )
    .bind(pace.per_second)
    .fetch_one(&mut *db)
    .await?;
    if ahead > pace.max_waiting {
        return Ok(Some(pace.backlog(ahead, &format!("{ahead} of ours"))));
    }
    if server.deliveries.have_room() {
        return Ok(None);
    }
    // From the index on state and queue alone, and never more than matter.
    let waiting: i64 = sqlx::query_scalar(
        "select count(*) from (
             select from public.oban_jobs
             where state in ('available', 'scheduled', 'retryable') and queue = $1
             limit $2 + 1) as waiting",
    )
    // Planned anew each time, like the look at the oldest job.
    .persistent(false)
    .bind(DELIVERIES)
    .bind(pace.max_waiting)
    .fetch_one(db)
    .await?;
    if waiting > pace.max_waiting {
        let told = format!("more than {} in the server's queue", pace.max_waiting);
        return Ok(Some(pace.backlog(waiting, &told)));
    }
    server.deliveries.counted(pace.max_waiting - waiting);
    Ok(None)
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
        server.deliveries.written(number);
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
        "select id from (
             select id, data ->> 'type' as type from public.activities
             where actor = $1 order by id desc nulls last limit 100) as latest
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

    #[test]
    fn a_backlog_is_looked_at_again_when_a_tenth_of_it_may_be_gone() {
        let look_again = |per_second, max_waiting, waiting| {
            DeliveryPace { per_second, max_waiting }.backlog(waiting, "").look_again.as_secs()
        };
        assert_eq!(look_again(20, 20_000, 20_001), 101);
        assert_eq!(look_again(1_000_000, 100, 101), 1);
        assert_eq!(look_again(1, 10_000_000, 20_000_000), 300);
    }
}

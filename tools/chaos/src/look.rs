//! Queries of the ledger while faults happen.

use std::time::{Duration, Instant};

use anyhow::Result;
use sqlx::FromRow;
use tokio::time::sleep;

use super::round::Round;
use super::task::Task;

/// Allows for the time that PostgreSQL may be unreachable, which is one of the faults.
const TIMEOUT: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);

/// Time limit for a worker to get a run.
const SOON: Duration = Duration::from_secs(3);

/// Remaining work.
#[derive(Debug, FromRow)]
pub(super) struct Counts {
    pub(super) unfinished: i64,
    pub(super) failed: i64,
    pub(super) items_left: i64,
}

/// Condition for the runs of a process: a worker's name ends with its process id and an id of its
/// own.
macro_rules! held {
    () => {
        "status = 'running' and lease_owner ~ ('-' || $1 || '-[0-9A-Z]{26}$')"
    };
}

/// Repeats a query until PostgreSQL answers.
async fn patiently<T>(mut ask: impl AsyncFnMut() -> sqlx::Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) if begun.elapsed() > TIMEOUT => return Err(error.into()),
            Err(_) => sleep(PAUSE).await,
        }
    }
}

impl Round<'_> {
    /// Returns the number of runs whose lease a process holds.
    pub(super) async fn held_by(&self, pid: i32) -> Result<i64> {
        Ok(i64::try_from(self.claims_of(pid).await?.len())?)
    }

    /// Returns the processes that hold leases.
    pub(super) async fn at_work(&self) -> Result<Vec<i32>> {
        let statement =
            "select distinct (regexp_match(lease_owner, '-(\\d+)-[0-9A-Z]{26}$'))[1]::int
                         from ostrakon.runs where status = 'running'";
        patiently(async || sqlx::query_scalar(statement).fetch_all(self.db()).await).await
    }

    /// Returns the claims that a process holds: run and fence.
    pub(super) async fn claims_of(&self, pid: i32) -> Result<Vec<(String, i64)>> {
        let statement = concat!("select id, fence from ostrakon.runs where ", held!());
        patiently(async || sqlx::query_as(statement).bind(pid).fetch_all(self.db()).await).await
    }

    /// Returns how many of the claims have ended.
    pub(super) async fn lost_claims(&self, claims: &[(String, i64)]) -> Result<usize> {
        let (ids, fences): (Vec<String>, Vec<i64>) = claims.iter().cloned().unzip();
        let held: i64 = patiently(async || {
            sqlx::query_scalar(
                "select count(*) from ostrakon.runs
                 join unnest($1::text[], $2::bigint[]) as claim (id, fence) using (id, fence)
                 where status = 'running'",
            )
            .bind(&ids)
            .bind(&fences)
            .fetch_one(self.db())
            .await
        })
        .await?;
        Ok(claims.len() - usize::try_from(held)?)
    }

    /// Waits a short time for a worker to get a run; returns whether it has one.
    pub(super) async fn works_soon(&self, pid: i32) -> Result<bool> {
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            if self.held_by(pid).await? > 0 {
                return Ok(true);
            }
            sleep(PAUSE).await;
        }
        Ok(false)
    }

    /// Waits until a run is being worked on: a fault that hits nothing proves nothing.
    pub(super) async fn waits_for_work(&self) {
        let begun = Instant::now();
        while !self.is_done() && begun.elapsed() < TIMEOUT {
            if self.is_at_work().await.is_ok_and(|at_work| at_work) {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// Whether a process has ever claimed a run.
    pub(super) async fn ever_worked(&self, pid: i32) -> Result<bool> {
        let statement = "select exists (select from chaos.changes
                                        where owner ~ ('-' || $1 || '-[0-9A-Z]{26}$'))";
        patiently(async || sqlx::query_scalar(statement).bind(pid).fetch_one(self.db()).await).await
    }

    /// Whether any run is being worked on.
    pub(super) async fn is_at_work(&self) -> Result<bool> {
        let statement = "select exists (select from ostrakon.runs where status = 'running')";
        patiently(async || sqlx::query_scalar(statement).fetch_one(self.db()).await).await
    }

    /// Waits until PostgreSQL answers.
    pub(super) async fn is_reachable(&self) -> Result<()> {
        self.is_at_work().await.map(drop)
    }

    /// Returns a random run.
    pub(super) async fn any_run(&self) -> Result<Option<String>> {
        let statement = "select id from ostrakon.runs order by random() limit 1";
        patiently(async || sqlx::query_scalar(statement).fetch_optional(self.db()).await).await
    }

    /// Returns the run being worked on that has the most left to do.
    pub(super) async fn running_run(&self) -> Result<Option<String>> {
        let statement = "select id from ostrakon.runs where status = 'running' and class = 'long'
                         order by coalesce(total, 0) - done desc limit 1";
        patiently(async || sqlx::query_scalar(statement).fetch_optional(self.db()).await).await
    }

    pub(super) async fn status(&self, id: &str) -> Result<String> {
        let statement = "select status from ostrakon.runs where id = $1";
        patiently(async || sqlx::query_scalar(statement).bind(id).fetch_one(self.db()).await).await
    }

    /// Returns a task whose run has just started, with that run.
    pub(super) async fn task_in_progress(&self) -> Result<Option<(String, &Task)>> {
        let found: Option<(String, String)> = patiently(async || {
            sqlx::query_as(
                "select id, subject from ostrakon.runs
                 where status = 'running' and job = 'delete_activities'
                   and subject <> 'author0' and not (payload ->> 'remote')::boolean
                 order by done, created_at desc limit 1",
            )
            .fetch_optional(self.db())
            .await
        })
        .await?;
        let tasks = self.phases.iter().flatten();
        Ok(found.and_then(|(id, subject)| {
            let task = tasks
                .filter(|task| task.arguments[0] == "delete_activities")
                .find(|task| task.arguments[1] == subject);
            Some((id, task?))
        }))
    }

    pub(super) async fn counts(&self) -> Result<Counts> {
        patiently(async || {
            sqlx::query_as(
                "select count(*) filter (where status not in ('succeeded', 'incomplete', 'failed')) as unfinished,
                        count(*) filter (where status = 'failed') as failed,
                        coalesce(sum(coalesce(total, 1000000) - done - parked
                                     + (status not in ('succeeded', 'incomplete'))::int), 0)::bigint as items_left
                 from ostrakon.runs",
            )
            .fetch_one(self.db())
            .await
        })
        .await
    }

    pub(super) async fn last_error(&self) -> Result<Option<String>> {
        let statement = "select job || ' ' || subject || ': ' || coalesce(last_error, 'no reason')
                         from ostrakon.runs where status = 'failed' limit 1";
        patiently(async || sqlx::query_scalar(statement).fetch_optional(self.db()).await).await
    }
}

//! Sampling several times a second, alongside the work.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};
use tracing::{debug, info};

use super::{
    LoadSnapshot, ThrottleSettings,
    hysteresis::Hysteresis,
    load::{OtherSessions, SampleWindow},
    sample::{at_database, at_machine},
};
use crate::{ServerQueues, Table, transaction::answered};

/// Time limit for a sample.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Interval between the first samples, which should soon show whether other sessions are active.
const SOON: Duration = Duration::from_millis(20);

/// Missing-privilege message already logged: once per process.
static SAID: AtomicBool = AtomicBool::new(false);

/// Samples the load until the receivers are gone. A sample that fails says nothing about the
/// database: a batch would fail as well, and has its own remedies.
pub(crate) async fn watch(
    pool: &PgPool,
    server_queues: &dyn ServerQueues,
    settings: &ThrottleSettings,
    tables: &[Table],
    snapshot: &watch::Sender<LoadSnapshot>,
) {
    let tables: Vec<&str> = tables.iter().map(|table| table.name).collect();
    let mut hysteresis = Hysteresis::new(settings.release_after);
    let mut samples = SampleWindow::default();
    while !snapshot.is_closed() {
        let mut readings = at_machine(settings);
        let (mut others, mut active_runs) = (OtherSessions::UNSEEN, 1);
        let seen = async {
            let mut db = pool.acquire().await?;
            at_database(&mut db, server_queues, settings, &tables).await
        };
        match answered(TIMEOUT, seen).await {
            Ok(seen) => {
                readings.extend(seen.readings);
                (others, active_runs) = (seen.others, seen.active_runs);
                say(&seen.unseen);
            }
            Err(error) => debug!(%error, "The throttle could not look at the database"),
        }
        let now = Instant::now();
        let (throttled, load) = (hysteresis.judge(readings, now), samples.judge(others, now));
        snapshot.send_replace(LoadSnapshot { throttled, load, active_runs });
        let pause = if samples.are_few() { SOON.min(settings.interval) } else { settings.interval };
        sleep(pause.max(Duration::from_millis(1))).await;
    }
}

fn say(unseen: &[&str]) {
    if unseen.is_empty() || SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    info!(
        settings = unseen.join(", "),
        "This role may not see what some checks look at, so they stay off: it needs the rights of \
         pg_read_all_stats"
    );
}

#[cfg(test)]
mod tests {
    use anyhow::{Result, bail};
    use sqlx::{
        Connection as _, PgConnection,
        postgres::{PgConnectOptions, PgPoolOptions},
    };
    use testkit::Database;
    use tokio::task::JoinSet;

    use super::*;
    use crate::{
        NoQueues, ThrottleCheck, ledger,
        throttle::{DatabaseLoad, hysteresis::Level},
    };

    #[tokio::test]
    async fn long_runs_that_are_worked_on_are_counted() -> Result<()> {
        let database = Database::bare().await?;
        let pool = database.pool();
        ledger::migrate(&mut *pool.acquire().await?).await?;
        // Two runs being worked on; one of a dead worker, one throttled, one short and one queued.
        sqlx::raw_sql(
            "insert into ostrakon.runs (id, job, class, payload, subject, dedupe_key, requested_by,
                                      status, lease_owner, lease_expires_at, throttle)
             select lpad(n::text, 26, '0'), 'job', class, '{}', '', n::text, '', status, 'worker',
                    now() + make_interval(secs => lease), throttle
             from (values (1, 'long', 'running', 60, null), (2, 'long', 'running', 60, null),
                          (3, 'long', 'running', -60, null), (4, 'long', 'running', 60, 'window'),
                          (5, 'short', 'running', 60, null), (6, 'long', 'queued', 60, null))
                  as run (n, class, status, lease, throttle)",
        )
        .execute(&pool)
        .await?;
        assert_eq!(first_snapshot(&pool).await?.active_runs, 2);
        Ok(())
    }

    /// First snapshot for which `is_enough` holds.
    async fn snapshot_of(
        pool: &PgPool,
        is_enough: fn(&LoadSnapshot) -> bool,
    ) -> Result<LoadSnapshot> {
        let (snapshot, mut seen) = watch::channel(LoadSnapshot::UNKNOWN);
        let settings = ThrottleSettings::default();
        let known = async {
            seen.changed().await?;
            Ok(seen.wait_for(is_enough).await?.clone())
        };
        tokio::select! {
            () = watch(pool, &NoQueues, &settings, &[], &snapshot) => bail!("nobody listened"),
            known = known => known,
        }
    }

    async fn first_snapshot(pool: &PgPool) -> Result<LoadSnapshot> {
        snapshot_of(pool, |_| true).await
    }

    /// Load of other sessions after enough samples.
    async fn seen_by(pool: &PgPool) -> Result<DatabaseLoad> {
        Ok(snapshot_of(pool, |snapshot| snapshot.load.busy < 1.0).await?.load)
    }

    /// Connections of ostrakon, which do not count as load.
    async fn ostrakon_at(url: &str) -> Result<PgPool> {
        let options = url.parse::<PgConnectOptions>()?.application_name("ostrakon");
        Ok(PgPoolOptions::new().connect_with(options).await?)
    }

    /// Waits until `wanted` sessions wait for locks.
    async fn wait_for_locks(pool: &PgPool, wanted: i64) -> Result<()> {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(pool).await? != wanted {}
        Ok(())
    }

    /// Whether more than one session waits for locks of ostrakon.
    async fn others_wait(pool: &PgPool) -> Result<bool> {
        let settings = ThrottleSettings { lock_waiters: 1, ..ThrottleSettings::default() };
        let mut db = pool.acquire().await?;
        let seen = at_database(&mut db, &NoQueues, &settings, &[]).await?;
        let mut readings = seen.readings.iter();
        Ok(readings.any(|one| one.check == ThrottleCheck::LockWaiters && one.level == Level::Over))
    }

    #[tokio::test]
    async fn who_stands_behind_a_batch_that_waits_itself_does_not_wait_for_it() -> Result<()> {
        const LOCK: &str = "select n from one for update";
        let database = Database::bare().await?;
        let pool = database.pool();
        ledger::migrate(&mut *pool.acquire().await?).await?;
        sqlx::raw_sql("create table one (n int); insert into one values (1)")
            .execute(&pool)
            .await?;
        let mut server = pool.begin().await?;
        sqlx::query(LOCK).execute(&mut *server).await?;
        let ours = ostrakon_at(database.url()).await?;
        let mut batch = ours.begin().await?;
        let name = "set local application_name = 'ostrakon:delete_activities:1'";
        sqlx::raw_sql(name).execute(&mut *batch).await?;
        let batch = tokio::spawn(async move {
            sqlx::query(LOCK).execute(&mut *batch).await?;
            anyhow::Ok(batch)
        });
        wait_for_locks(&pool, 1).await?;
        let mut others = JoinSet::new();
        for _ in 0..2 {
            let mut other = pool.begin().await?;
            others.spawn(async move { sqlx::query(LOCK).execute(&mut *other).await.map(drop) });
        }
        wait_for_locks(&pool, 3).await?;
        assert!(!others_wait(&pool).await?, "they wait for the server, as the batch does");
        server.rollback().await?;
        let batch = batch.await??;
        // The batch has the row now, and the first of the others is about to wait for it.
        while !others_wait(&pool).await? {}
        batch.rollback().await?;
        while let Some(other) = others.join_next().await {
            other??;
        }
        Ok(())
    }

    #[tokio::test]
    async fn one_look_is_enough_for_a_role_that_sees_what_everybody_did_last() -> Result<()> {
        let database = Database::bare().await?;
        let pool = ostrakon_at(database.url()).await?;
        ledger::migrate(&mut *pool.acquire().await?).await?;
        assert_eq!(first_snapshot(&pool).await?.load, DatabaseLoad::NONE);
        // The connection that grants stays open, and belongs to another role.
        let rights = "grant usage on schema ostrakon to onlooker;
                      grant select on ostrakon.runs to onlooker";
        let onlooker = ostrakon_at(&database.grant("onlooker", rights).await?).await?;
        assert_eq!(first_snapshot(&onlooker).await?.load, DatabaseLoad::UNKNOWN);
        assert_eq!(seen_by(&onlooker).await?, DatabaseLoad::NONE);
        Ok(())
    }

    #[tokio::test]
    async fn whoever_did_something_lately_counts_although_no_look_saw_it() -> Result<()> {
        let database = Database::bare().await?;
        let pool = ostrakon_at(database.url()).await?;
        ledger::migrate(&mut *pool.acquire().await?).await?;
        assert!(!seen_by(&pool).await?.present, "nobody but ostrakon");
        let mut other = PgConnection::connect(database.url()).await?;
        sqlx::query("select 1").execute(&mut other).await?;
        let load = seen_by(&pool).await?;
        assert!(load.present && load.busy <= 0.0, "{load:?}");
        Ok(())
    }
}

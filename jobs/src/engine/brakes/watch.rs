//! Looking several times a second, beside the work.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};
use tracing::{debug, info};

use super::{
    BrakeSettings, Sight,
    company::Company,
    gauge::Gauge,
    look::{Seen, at_database, at_machine},
};
use crate::engine::{House, Table, transaction::answered};

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between the first looks, which are to tell soon whether others are at work.
const SOON: Duration = Duration::from_millis(20);

/// Whether it was said which brakes this role cannot look at: once per process.
static SAID: AtomicBool = AtomicBool::new(false);

/// Tells what is to be seen, until nobody listens. A look that fails says nothing of the database:
/// a batch would fail as well, and that has its own remedies.
pub(in crate::engine) async fn watch<H: House>(
    pool: &PgPool,
    house: &H,
    settings: &BrakeSettings,
    tables: &[Table],
    sight: &watch::Sender<Sight>,
) {
    let tables: Vec<&str> = tables.iter().map(|table| table.name).collect();
    let mut gauge = Gauge::new(settings.hold);
    let mut looks = Company::default();
    while !sight.is_closed() {
        let mut readings = at_machine(settings);
        let (mut others, mut lately) = (true, true);
        let mut at_work = 1;
        let seen = async {
            let mut db = pool.acquire().await?;
            at_database(&mut db, house, settings, &tables).await
        };
        match answered(PATIENCE, seen).await {
            Ok(Seen { readings: more, company, company_lately, at_work: runs, unseen }) => {
                readings.extend(more);
                (others, lately) = (company, company_lately);
                at_work = runs;
                say(&unseen);
            }
            Err(error) => debug!(%error, "The brakes could not look at the database"),
        }
        let now = Instant::now();
        let busy = looks.judge(others, now);
        let braked = gauge.judge(readings, now);
        let company = lately || busy > 0.0;
        sight.send_replace(Sight { braked, company, busy, at_work });
        let pause = if looks.is_new() { SOON.min(settings.interval) } else { settings.interval };
        sleep(pause.max(Duration::from_millis(1))).await;
    }
}

fn say(unseen: &[&str]) {
    if unseen.is_empty() || SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    info!(
        settings = unseen.join(", "),
        "This role may not see what some brakes look at, so they stay off: it needs the rights of \
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
    use testkit::{Database, Flavour};

    use super::*;
    use crate::engine::ledger;

    struct Nobody;

    impl House for Nobody {}

    #[tokio::test]
    async fn long_runs_that_are_worked_on_are_counted() -> Result<()> {
        let database = Database::create(Flavour::Pleroma).await?;
        let pool = database.pool();
        ledger::migrate(&mut *pool.acquire().await?).await?;
        // Two at work; a dead worker's, one that is held back, a short one, and one that waits.
        sqlx::raw_sql(
            "insert into kenoma.runs (id, job, class, payload, subject, dedupe_key, requested_by,
                                      status, lease_owner, lease_expires_at, brake)
             select lpad(n::text, 26, '0'), 'job', class, '{}', '', n::text, '', status, 'worker',
                    now() + make_interval(secs => lease), brake
             from (values (1, 'long', 'running', 60, null), (2, 'long', 'running', 60, null),
                          (3, 'long', 'running', -60, null), (4, 'long', 'running', 60, 'window'),
                          (5, 'short', 'running', 60, null), (6, 'long', 'queued', 60, null))
                  as run (n, class, status, lease, brake)",
        )
        .execute(&pool)
        .await?;
        let (sight, mut seen) = watch::channel(Sight::UNKNOWN);
        let settings = BrakeSettings::default();
        tokio::select! {
            () = watch(&pool, &Nobody, &settings, &[], &sight) => {}
            changed = seen.changed() => changed?,
        }
        assert_eq!(seen.borrow().at_work, 2);
        Ok(())
    }

    /// What is known when there were enough looks.
    async fn seen_by(pool: &PgPool) -> Result<Sight> {
        let (sight, mut seen) = watch::channel(Sight::UNKNOWN);
        let settings = BrakeSettings::default();
        tokio::select! {
            () = watch(pool, &Nobody, &settings, &[], &sight) => bail!("nobody listened"),
            known = seen.wait_for(|sight| sight.busy < 1.0) => Ok(known?.clone()),
        }
    }

    #[tokio::test]
    async fn whoever_did_something_lately_is_company_although_no_look_saw_it() -> Result<()> {
        let database = Database::create(Flavour::Pleroma).await?;
        let options = database.url().parse::<PgConnectOptions>()?.application_name("kenoma");
        let pool = PgPoolOptions::new().connect_with(options).await?;
        ledger::migrate(&mut *pool.acquire().await?).await?;
        assert!(!seen_by(&pool).await?.company, "nobody but kenoma");
        let mut other = PgConnection::connect(database.url()).await?;
        sqlx::query("select 1").execute(&mut other).await?;
        let sight = seen_by(&pool).await?;
        assert!(sight.company && sight.busy <= 0.0, "{sight:?}");
        Ok(())
    }
}

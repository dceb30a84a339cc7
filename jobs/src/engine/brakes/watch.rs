//! Looking several times a second, beside the work.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use sqlx::PgPool;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::{debug, info};

use super::{
    BrakeSettings, Braked,
    gauge::Gauge,
    look::{Seen, at_database, at_machine},
};
use crate::engine::{House, Table, transaction::answered};

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether it was said which brakes this role cannot look at: once per process.
static SAID: AtomicBool = AtomicBool::new(false);

/// Tells `brake` which brake is on, until nobody listens. A look that fails says nothing of the
/// database: a batch would fail as well, and that has its own remedies.
pub(in crate::engine) async fn watch<H: House>(
    pool: &PgPool,
    house: &H,
    settings: &BrakeSettings,
    tables: &[Table],
    brake: &watch::Sender<Option<Braked>>,
) {
    let tables: Vec<&str> = tables.iter().map(|table| table.name).collect();
    let mut gauge = Gauge::new(settings.hold);
    let mut ticks = interval(settings.interval.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !brake.is_closed() {
        ticks.tick().await;
        let mut readings = at_machine(settings);
        let seen = async {
            let mut db = pool.acquire().await?;
            at_database(&mut db, house, settings, &tables).await
        };
        match answered(PATIENCE, seen).await {
            Ok(Seen { readings: more, unseen }) => {
                readings.extend(more);
                say(&unseen);
            }
            Err(error) => debug!(%error, "The brakes could not look at the database"),
        }
        brake.send_replace(gauge.judge(readings, Instant::now()));
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

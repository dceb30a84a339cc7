//! One sample of the load on the server.

use std::time::Duration;

use chrono::Local;
use sqlx::{FromRow, PgConnection};

use super::{
    ThrottleCheck, ThrottleSettings,
    hysteresis::{Level, Reading},
    load::{LASTING, OtherSessions},
};
use crate::ServerQueues;

const MIB: i64 = 1024 * 1024;

/// PostgreSQL's figures; `None` where this role may not see one, or where there is none.
#[derive(Debug, FromRow)]
struct Figures {
    sees_others: bool,
    others_in_transaction: bool,
    others_lately: Option<bool>,
    active_runs: i64,
    replica_lag: Option<i64>,
    lock_waiters: i64,
    active_backends: i64,
    wal_segments: Option<i64>,
    vacuumed: Option<String>,
    data_directory: Option<String>,
}

/// What a sample showed.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) readings: Vec<Reading>,
    pub(super) others: OtherSessions,
    /// Number of long runs that are being worked on and not throttled.
    pub(super) active_runs: i64,
    /// Settings of checks that this role cannot sample.
    pub(super) unseen: Vec<&'static str>,
}

/// Samples what needs no database: these checks work while it is unreachable, too.
pub(super) fn at_machine(settings: &ThrottleSettings) -> Vec<Reading> {
    let window = settings.window.map(|window| {
        let over = !window.contains(Local::now().time());
        let reason = format!("it is not the time for it: throttle.window is {window}");
        Reading { check: ThrottleCheck::Window, level: Level::of(over), reason }
    });
    let flag_file = settings.flag_file.as_ref().map(|file| Reading {
        check: ThrottleCheck::FlagFile,
        level: Level::of(file.exists()),
        reason: format!("the file {} exists; it goes on when that is removed", file.display()),
    });
    window.into_iter().chain(flag_file).collect()
}

/// Samples the database for a run that writes to `tables`.
pub(super) async fn at_database(
    db: &mut PgConnection,
    server_queues: &dyn ServerQueues,
    settings: &ThrottleSettings,
    tables: &[&str],
) -> sqlx::Result<Seen> {
    let figures: Figures = sqlx::query_as(include_str!("sample.sql"))
        .bind(settings.wal_segments > 0)
        .bind(tables)
        .bind(LASTING.as_secs_f64())
        .fetch_one(&mut *db)
        .await?;
    let mut readings = read(&figures, settings);
    readings.extend(disk(&figures, settings));
    readings.extend(backlog(db, server_queues, settings.queue_delay).await?);
    let others = OtherSessions {
        in_transaction: figures.others_in_transaction,
        lately: figures.others_lately,
    };
    let unseen = unseen(&figures, settings);
    Ok(Seen { readings, others, active_runs: figures.active_runs, unseen })
}

fn read(figures: &Figures, settings: &ThrottleSettings) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut watch = |check, figure: Option<i64>, bound: i64, reason: String| {
        if let (Some(figure), 1..) = (figure, bound) {
            readings.push(Reading { check, level: Level::at_most(figure, bound), reason });
        }
    };
    let Figures { replica_lag, lock_waiters, active_backends, wal_segments, .. } = *figures;
    watch(
        ThrottleCheck::ReplicaLag,
        replica_lag,
        settings.replica_lag_mib.saturating_mul(MIB),
        format!(
            "a replica has {} MiB of WAL to replay, allowed are {} (throttle.replica_lag_mib)",
            (replica_lag.unwrap_or(0) + MIB - 1) / MIB,
            settings.replica_lag_mib
        ),
    );
    watch(
        ThrottleCheck::LockWaiters,
        Some(lock_waiters),
        settings.lock_waiters,
        format!(
            "{lock_waiters} others wait for locks of ostrakon, allowed are {} (throttle.lock_waiters)",
            settings.lock_waiters
        ),
    );
    watch(
        ThrottleCheck::ActiveBackends,
        figures.sees_others.then_some(active_backends),
        settings.active_backends,
        format!(
            "{active_backends} others are busy in the database, allowed are {} \
             (throttle.active_backends)",
            settings.active_backends
        ),
    );
    watch(
        ThrottleCheck::WalArchive,
        wal_segments,
        settings.wal_segments,
        format!(
            "{} WAL segments wait for the archive, allowed are {} (throttle.wal_segments)",
            wal_segments.unwrap_or(0),
            settings.wal_segments
        ),
    );
    if settings.vacuum {
        let table = figures.vacuumed.as_deref();
        readings.push(Reading {
            check: ThrottleCheck::Vacuum,
            level: Level::of(table.is_some()),
            reason: format!("{} is being vacuumed (throttle.vacuum)", table.unwrap_or_default()),
        });
    }
    readings
}

/// Samples the free space on the database's disk.
fn disk(figures: &Figures, settings: &ThrottleSettings) -> Option<Reading> {
    if settings.disk_free_mib == 0 {
        return None;
    }
    let named = settings.disk_path.as_deref();
    let path = named.or(figures.data_directory.as_deref().map(std::path::Path::new))?;
    let disk = rustix::fs::statvfs(path).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let free = i64::try_from(free).unwrap_or(i64::MAX) / MIB;
    let bound = settings.disk_free_mib;
    Some(Reading {
        check: ThrottleCheck::DiskFree,
        level: Level::at_least(free, bound),
        reason: format!(
            "{free} MiB are free at {}, needed are {bound} (throttle.disk_free_mib)",
            path.display()
        ),
    })
}

async fn backlog(
    db: &mut PgConnection,
    server_queues: &dyn ServerQueues,
    bound: Duration,
) -> sqlx::Result<Option<Reading>> {
    if bound.is_zero() {
        return Ok(None);
    }
    // From here on, a check that throttles is held.
    let near = bound * 4 / 5;
    let Some(backlog) = server_queues.backlog(db, near).await? else { return Ok(None) };
    let level = if backlog.waited > bound { Level::Over } else { Level::Near };
    let whole_seconds =
        |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
    let reason = format!(
        "the server's queue {} is behind: a job there has waited for {}, allowed are {} \
         (throttle.queue_delay)",
        backlog.queue,
        whole_seconds(backlog.waited),
        humantime::format_duration(bound)
    );
    Ok(Some(Reading { check: ThrottleCheck::QueueDelay, level, reason }))
}

/// Names the settings of checks that are enabled and cannot be sampled.
fn unseen(figures: &Figures, settings: &ThrottleSettings) -> Vec<&'static str> {
    let blind = !figures.sees_others;
    [
        ("throttle.replica_lag_mib", settings.replica_lag_mib > 0 && blind),
        ("throttle.active_backends", settings.active_backends > 0 && blind),
        ("throttle.vacuum", settings.vacuum && blind),
        (
            "throttle.disk_free_mib",
            settings.disk_free_mib > 0
                && settings.disk_path.is_none()
                && figures.data_directory.is_none(),
        ),
    ]
    .into_iter()
    .filter_map(|(setting, unseen)| unseen.then_some(setting))
    .collect()
}

//! Route to the database: the host in use, a pooler in between, and what is wrong there.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ostrakon_engine::{OWN_SESSION, Settled, answered, is_idle, own, settle, shares_sessions};
use sqlx::{ConnectOptions as _, PgConnection, PgPool, postgres::PgConnectOptions};
use tracing::{info, warn};

use super::endpoint::{Endpoint, endpoints};
use crate::{
    failure::{Failure, reason},
    settings::{Settings, Target},
};

/// Interval between checks of the connection that watches the current host.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Time limit for an answer on that connection.
const WATCH_TIMEOUT: Duration = Duration::from_secs(2);

/// Route to the database.
#[derive(Debug)]
pub(super) struct Link {
    endpoints: Vec<Endpoint>,
    target: Target,
    /// Time limit for connecting to one place.
    pub(super) timeout: Duration,
    current: AtomicUsize,
    /// Whether a session pooler is in between.
    pooled: AtomicBool,
    /// Whether the database was reached once; an obstacle found earlier ends the command.
    reached: AtomicBool,
    obstacle: Mutex<Option<Obstacle>>,
    reported: AtomicBool,
    read_only: AtomicBool,
}

/// Reason why a connection is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The settings requested at connection time have not reached PostgreSQL.
    Pooler,
    /// The server does not meet `target_session_attrs`.
    Unfit,
    /// Triggers and foreign keys are disabled.
    Triggers,
}

impl Link {
    pub(super) fn new(settings: &Settings) -> Result<Self, Failure> {
        let info = settings.database.conninfo()?;
        Ok(Self {
            endpoints: endpoints(&info)?,
            target: info.target,
            timeout: info.connect_timeout.unwrap_or(settings.database.connect_timeout),
            current: AtomicUsize::new(0),
            pooled: AtomicBool::new(false),
            reached: AtomicBool::new(false),
            obstacle: Mutex::new(None),
            reported: AtomicBool::new(false),
            read_only: AtomicBool::new(false),
        })
    }

    /// Whether there is more than one place.
    pub(super) fn has_choice(&self) -> bool {
        self.endpoints.len() > 1
    }

    /// Options for connecting to the place found last.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.options_of(self.current.load(Ordering::Relaxed))
    }

    fn options_of(&self, endpoint: usize) -> PgConnectOptions {
        // There is always at least one place.
        let options = self.endpoints[endpoint.min(self.endpoints.len() - 1)].options.clone();
        if self.pooled.load(Ordering::Relaxed) {
            return options;
        }
        // Requested at connection time, the last two are in force before the first statement.
        options.options([OWN_SESSION, ("statement_timeout", "0"), ("search_path", "pg_catalog")])
    }

    /// Address of the database, without secrets.
    pub(super) fn address(&self) -> String {
        let endpoint = self.current.load(Ordering::Relaxed);
        self.endpoints.get(endpoint).map_or_else(String::new, |endpoint| endpoint.address.clone())
    }

    /// Whether the server that was reached is read-only.
    pub(super) fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    /// Obstacle found on the last connection, if any.
    pub(super) fn obstacle(&self) -> Option<Obstacle> {
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the database as reached: from now on, an obstacle ends only the new connection that
    /// meets it.
    pub(super) fn was_reached(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    /// Prepares a new connection for use. An obstacle on the first one is kept for
    /// [`Link::obstacle`]: after an error, the pool would retry silently.
    pub(super) async fn prepare(&self, db: &mut PgConnection) -> sqlx::Result<()> {
        let seen = self.settle(db).await?;
        let found = found(&seen, self.target);
        if self.reached.load(Ordering::Relaxed)
            && let Some(obstacle) = found
        {
            return Err(sqlx::Error::Configuration(self.describe(obstacle).into()));
        }
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner) = found;
        if found.is_none() {
            self.read_only.store(seen.read_only, Ordering::Relaxed);
            self.tell(&seen);
        }
        Ok(())
    }

    async fn settle(&self, db: &mut PgConnection) -> sqlx::Result<Settled> {
        if self.pooled.load(Ordering::Relaxed) {
            own(db).await?;
        }
        settle(db).await
    }

    /// Warns once of settings that only the database's owner can change.
    fn tell(&self, seen: &Settled) {
        if (seen.read_only_by.is_none() && !seen.misses_standby)
            || self.reported.swap(true, Ordering::Relaxed)
        {
            return;
        }
        if let Some(whom) = &seen.read_only_by {
            warn!(
                "PostgreSQL allows ostrakon only to read: default_transaction_read_only is on {whom}; whatever \
                 writes will be refused"
            );
        }
        if seen.misses_standby {
            warn!(
                "PostgreSQL waits for a standby at every commit (synchronous_standby_names), and none is \
                 connected: what ostrakon writes waits too, until one is, or until that setting is emptied. \
                 Ctrl-C does not take back a commit that waits"
            );
        }
    }

    /// Describes an obstacle for the operator.
    pub(super) fn describe(&self, obstacle: Obstacle) -> String {
        let address = self.address();
        match obstacle {
            Obstacle::Pooler => format!(
                "PostgreSQL at {address} is behind a connection pooler that gives its sessions to \
                 transactions (pool_mode = transaction or statement in PgBouncer). ostrakon keeps prepared \
                 statements, time-outs and locks in its sessions; there, others would get them, and it \
                 theirs.\nNothing was changed. Have database.url lead to PostgreSQL itself, or to a \
                 database of the pooler with pool_mode = session."
            ),
            Obstacle::Unfit => format!(
                "PostgreSQL at {address} is not what database.url demands (target_session_attrs = {}).\n\
                 Nothing was changed.",
                self.target.name()
            ),
            Obstacle::Triggers => format!(
                "In the sessions of PostgreSQL at {address} triggers and foreign keys do nothing \
                 (session_replication_role is not origin), so that the server's own counters would go \
                 wrong.\nNothing was changed. Reset it: alter role … reset session_replication_role."
            ),
        }
    }

    /// Finds the first place that meets the requested target, with a connection to it.
    pub(super) async fn find(&self) -> Result<(usize, PgConnection), Failure> {
        let second = (self.target == Target::PreferStandby).then_some(Target::Any);
        let first = if second.is_some() { Target::Standby } else { self.target };
        let mut reasons = Vec::new();
        for target in [Some(first), second].into_iter().flatten() {
            reasons.clear();
            for (index, endpoint) in self.endpoints.iter().enumerate() {
                match self.try_place(index, target).await {
                    Ok(db) => {
                        self.current.store(index, Ordering::Relaxed);
                        return Ok((index, db));
                    }
                    Err(reason) => reasons.push(format!("{}: {reason}", endpoint.address)),
                }
            }
        }
        Err(Failure::Unreachable(format!(
            "PostgreSQL could be used at none of the hosts of database.url\n  {}\nNothing was changed.",
            reasons.join("\n  ")
        )))
    }

    async fn try_place(&self, index: usize, target: Target) -> Result<PgConnection, String> {
        let options = self.options_of(index);
        let trying = async {
            let mut db = options.connect().await?;
            let seen = self.settle(&mut db).await?;
            Ok::<_, sqlx::Error>((db, seen))
        };
        match answered(self.timeout, trying).await {
            Ok((db, seen)) => match found(&seen, target) {
                Some(Obstacle::Unfit) => Err(format!("it is not {}", target.name())),
                // The pool meets the same obstacle and describes it in full.
                Some(_) | None => Ok(db),
            },
            Err(error) if refuses_options(&error) => {
                let plain = self.endpoints[index].options.connect();
                answered(self.timeout, plain).await.map_err(|error| reason(&error))
            }
            Err(error) => Err(reason(&error)),
        }
    }

    /// Checks whether the pooler in between assigns sessions to clients, and continues with it if
    /// so.
    pub(super) async fn check_pooler(&self) -> Result<(), Failure> {
        if self.pooled.load(Ordering::Relaxed) {
            return Err(Failure::Refused(self.describe(Obstacle::Pooler)));
        }
        let plain = &self.endpoints
            [self.current.load(Ordering::Relaxed).min(self.endpoints.len() - 1)]
        .options;
        let looking = async {
            let (mut one, mut other) = (plain.connect().await?, plain.connect().await?);
            shares_sessions(&mut one, &mut other).await
        };
        match answered(self.timeout, looking).await {
            Ok(false) => {
                self.pooled.store(true, Ordering::Relaxed);
                Ok(())
            }
            Ok(true) => Err(Failure::Refused(self.describe(Obstacle::Pooler))),
            Err(error) => Err(Failure::postgres(&self.address(), &error)),
        }
    }

    /// Keeps the pools on the current host of the database, for as long as this future is polled.
    pub(super) async fn follow(self: Arc<Self>, pools: Vec<PgPool>, watched: PgConnection) {
        let mut watched = Some(watched);
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            if let Some(db) = &mut watched
                && answered(WATCH_TIMEOUT, is_idle(db)).await.is_ok()
            {
                continue;
            }
            watched = None;
            let before = self.address();
            // Meanwhile, users of the pools report that no connection is available.
            if let Ok((_, db)) = self.find().await {
                for pool in &pools {
                    pool.set_connect_options(self.options());
                }
                if self.address() != before {
                    info!(
                        from = before,
                        to = self.address(),
                        "Going on with another host of database.url"
                    );
                }
                watched = Some(db);
            }
        }
    }
}

/// Obstacle of a connection, if there is one.
fn found(seen: &Settled, target: Target) -> Option<Obstacle> {
    let fits = match target {
        Target::Any | Target::PreferStandby => true,
        Target::ReadWrite => !seen.read_only,
        Target::ReadOnly => seen.read_only,
        Target::Primary => !seen.in_recovery,
        Target::Standby => seen.in_recovery,
    };
    match seen {
        Settled { own: false, .. } => Some(Obstacle::Pooler),
        _ if !fits => Some(Obstacle::Unfit),
        Settled { without_triggers: true, .. } => Some(Obstacle::Triggers),
        _ => None,
    }
}

/// Whether a pooler rejects the settings requested at connection time.
pub(super) fn refuses_options(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.code().as_deref() == Some("08P01") && error.message().contains("startup parameter")
    })
}

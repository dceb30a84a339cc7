//! A process's connection to the server's database, and all settings resolved at startup.

mod endpoint;
mod link;

use std::{fmt, sync::Arc, time::Duration};

use ostrakon_engine::{
    Driver, Lease, RetrySettings, ThrottleSettings, answered, is_idle,
    ledger::{self, SchemaState},
    watch_client,
};
use ostrakon_jobs::ObanQueues;
use ostrakon_queue::{Notifier, PostgresNotifier, QueueError, RedisNotifier};
use ostrakon_server::{Configuration, ProbeError, Server};
use sqlx::{
    ConnectOptions as _, PgConnection, PgPool, Postgres, pool::PoolConnection,
    postgres::PgPoolOptions,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::link::{Link, Obstacle, refuses_options};
use crate::{
    failure::Failure,
    settings::{SIDE_CONNECTIONS, Settings},
};

/// Message if the ledger belongs to a newer version.
pub(crate) const NEWER_LEDGER: &str =
    "ostrakon's own tables were made by a newer version than this program; update ostrakon";

/// Connections of a process that runs no worker.
pub(crate) const COMMAND_CONNECTIONS: u32 = 6;

/// Connections for the batches of an inline run. A single one: a pool rotates its connections, and
/// each of them plans every statement again.
pub(crate) const BATCH_CONNECTIONS: u32 = 1;

/// Connections of a worker that listen for notifications, if PostgreSQL carries them: one per class.
pub(crate) const LISTENING_CONNECTIONS: u32 = 2;

/// Time limit for the liveness check of an idle connection.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Time after which a slow first connection is examined for errors.
const DOUBT: Duration = Duration::from_millis(50);

/// Time for which a tested connection needs no other test.
const TESTED: Duration = Duration::from_millis(20);

/// Open session with the server's database.
#[derive(Clone)]
pub(crate) struct Session {
    /// Pool for what commands do immediately.
    pub(crate) pool: PgPool,
    /// Pool for the batches of runs.
    batch_pool: PgPool,
    /// Pool for leases, reconciler and readers. Small, and separate in a worker, so that heavy work
    /// cannot starve it.
    pub(crate) side_pool: PgPool,
    /// Pool of a worker's sessions that listen for notifications, if PostgreSQL carries them.
    listeners: Option<PgPool>,
    /// Settings in force.
    pub(crate) settings: Arc<Settings>,
    /// Task that follows the database to another of its hosts.
    _follower: Option<Arc<AbortOnDropHandle<()>>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Connects for a command, which shares few connections for all its work: opening another takes
    /// longer than most commands.
    pub(crate) async fn connect(settings: Settings) -> Result<Self, Failure> {
        let link = Arc::new(Link::new(&settings)?);
        let pool = work_pool(&link, COMMAND_CONNECTIONS);
        let batch_pool = work_pool(&link, BATCH_CONNECTIONS);
        let pools = vec![pool.clone(), batch_pool.clone()];
        let follower = Box::pin(reach(&link, pools)).await?;
        Ok(Self {
            side_pool: pool.clone(),
            batch_pool,
            pool,
            listeners: None,
            settings: Arc::new(settings),
            _follower: follower,
        })
    }

    /// Connects for a worker, with one connection per job and [`SIDE_CONNECTIONS`] more.
    pub(crate) async fn connect_worker(settings: Settings) -> Result<Self, Failure> {
        let link = Arc::new(Link::new(&settings)?);
        let pool = work_pool(&link, settings.worker.jobs());
        let side_pool = prepared_pool(&link, SIDE_CONNECTIONS);
        let by_postgres = settings.notifying_redis().is_none();
        let listeners = by_postgres.then(|| prepared_pool(&link, LISTENING_CONNECTIONS));
        let pools = [side_pool.clone(), pool.clone()].into_iter().chain(listeners.clone());
        let follower = Box::pin(reach(&link, pools.collect())).await?;
        if link.is_read_only() {
            return Err(Failure::Refused(format!(
                "PostgreSQL at {} allows ostrakon only to read: it is a standby, or \
                 default_transaction_read_only is on; the worker was not started",
                link.address()
            )));
        }
        let batch_pool = pool.clone();
        Ok(Self {
            pool,
            batch_pool,
            side_pool,
            listeners,
            settings: Arc::new(settings),
            _follower: follower,
        })
    }

    /// Notifier of a command. It connects to Redis now, and gives up after about 3 s; notifications
    /// of PostgreSQL use the connections that there are.
    pub(crate) async fn notifier(&self) -> Result<Box<dyn Notifier>, QueueError> {
        Ok(match self.settings.notifying_redis() {
            Some(redis) => Box::new(RedisNotifier::connect(&redis).await?),
            None => Box::new(self.postgres_notifier()),
        })
    }

    /// Notifier of a worker: it connects when it is used, and again after each outage.
    pub(crate) fn lazy_notifier(&self) -> Result<Box<dyn Notifier>, QueueError> {
        Ok(match self.settings.notifying_redis() {
            Some(redis) => Box::new(RedisNotifier::lazy(&redis)?),
            None => Box::new(self.postgres_notifier()),
        })
    }

    fn postgres_notifier(&self) -> PostgresNotifier {
        let listeners = self.listeners.as_ref().unwrap_or(&self.side_pool);
        PostgresNotifier::new(self.side_pool.clone(), listeners.clone())
    }

    /// Examines the database: which server it belongs to, and how that server is configured.
    pub(crate) async fn server(&self) -> Result<Server, Failure> {
        let Settings { instance_url, server, registration, federation, .. } = &*self.settings;
        let configuration = Configuration {
            instance_url: instance_url.as_ref().map(url::Url::as_str),
            server,
            registration,
            federation,
        };
        let mut db = self.side_pool.acquire().await?;
        let server = ostrakon_server::open(&mut db, configuration).await;
        give_back(db).await;
        server.map_err(|error| match error {
            ProbeError::Unknown { .. } => Failure::Refused(error.to_string()),
            ProbeError::Database(error) => error.into(),
        })
    }

    /// The same, for a command that changes something: refuses a release that may only be read.
    pub(crate) async fn writable_server(&self) -> Result<Server, Failure> {
        let server = self.server().await?;
        server.require_writable()?;
        Ok(server)
    }

    /// Checks that the ledger exists and has this version's schema.
    pub(crate) async fn require_ledger(&self) -> Result<(), Failure> {
        let mut db = self.side_pool.acquire().await?;
        let problem = match ledger::schema_state(&mut db).await? {
            SchemaState::Current => return Ok(()),
            SchemaState::Missing => {
                "ostrakon's own tables are not in this database yet; make them with: ostrakon migrate"
            }
            SchemaState::Older => {
                "ostrakon's own tables are those of an older version; bring them up to date with: \
                 ostrakon migrate"
            }
            SchemaState::Newer => NEWER_LEDGER,
        };
        Err(Failure::Refused(problem.to_owned()))
    }

    /// Builds the driver of an inline run. The user wants the run now, so the window of workers
    /// does not apply.
    pub(crate) fn inline_driver(&self, stop: CancellationToken) -> Driver {
        let driver = self.driver(stop);
        Driver { throttle: ThrottleSettings { window: None, ..driver.throttle }, ..driver }
    }

    /// Builds the driver of a run.
    pub(crate) fn driver(&self, stop: CancellationToken) -> Driver {
        let worker = &self.settings.worker;
        Driver {
            pool: self.batch_pool.clone(),
            lease_pool: self.side_pool.clone(),
            batch: self.settings.batch.clone(),
            throttle: self.settings.throttle.clone(),
            queues: Arc::new(ObanQueues),
            lease: self.lease(),
            retry: RetrySettings::new(
                i32::try_from(worker.max_attempts).unwrap_or(i32::MAX),
                i32::try_from(worker.max_crashes).unwrap_or(i32::MAX),
            ),
            stop,
        }
    }

    /// Lease of a run: how long a silent worker keeps it.
    pub(crate) fn lease(&self) -> Lease {
        let worker = &self.settings.worker;
        Lease { duration: worker.lease, renewal: worker.lease_renewal }
    }
}

fn pool_options(link: &Link, connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(0)
        .acquire_timeout(link.timeout)
        .idle_timeout(Duration::from_mins(1))
        // sqlx's own test waits without limit on a connection whose packets are dropped;
        // `before_acquire` replaces it with a bounded one.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            // A connection that was just returned was tested then.
            let tested = meta.idle_for < TESTED;
            Box::pin(async move { Ok(tested || lives(connection).await?) })
        })
        .after_release(|connection, _| Box::pin(lives(connection)))
}

/// Pool of connections with ostrakon's own settings.
fn prepared_pool(link: &Arc<Link>, connections: u32) -> PgPool {
    let preparing = Arc::clone(link);
    pool_options(link, connections)
        .after_connect(move |db, _| {
            let link = Arc::clone(&preparing);
            Box::pin(async move { link.prepare(db).await })
        })
        .connect_lazy_with(link.options())
}

/// Pool of connections whose statements end when this process does.
fn work_pool(link: &Arc<Link>, connections: u32) -> PgPool {
    let preparing = Arc::clone(link);
    pool_options(link, connections)
        .after_connect(move |db, _| {
            let link = Arc::clone(&preparing);
            Box::pin(async move {
                link.prepare(db).await?;
                match link.obstacle() {
                    // Not even this setting in a session that other clients may share.
                    Some(_) => Ok(()),
                    None => watch_client(db).await,
                }
            })
        })
        .connect_lazy_with(link.options())
}

/// Connects to the database through the first of these pools, past a pooler if there is one. If the
/// database has several hosts, all pools follow it.
async fn reach(
    link: &Arc<Link>,
    pools: Vec<PgPool>,
) -> Result<Option<Arc<AbortOnDropHandle<()>>>, Failure> {
    let mut watched = None;
    if link.has_choice() {
        let (_, db) = link.find().await?;
        watched = Some(db);
    }
    loop {
        for pool in &pools {
            pool.set_connect_options(link.options());
        }
        match first_connection(link, &pools[0]).await? {
            None => break,
            Some(Obstacle::Pooler) => link.check_pooler().await?,
            Some(obstacle @ Obstacle::Unfit) => {
                return Err(Failure::Unreachable(link.describe(obstacle)));
            }
            Some(obstacle) => return Err(Failure::Refused(link.describe(obstacle))),
        }
    }
    link.was_reached();
    Ok(watched.map(|db| {
        let following = tokio::spawn(Arc::clone(link).follow(pools, db));
        Arc::new(AbortOnDropHandle::new(following))
    }))
}

/// Opens the pool's first connection, and returns what makes it unusable. The pool retries
/// silently, so after [`DOUBT`] a connection outside of the pool finds the reason.
async fn first_connection(link: &Link, pool: &PgPool) -> Result<Option<Obstacle>, Failure> {
    let address = link.address();
    let within = async {
        let db = pool.acquire().await?;
        let obstacle = link.obstacle();
        match obstacle {
            Some(_) => db.close().await?,
            None => give_back(db).await,
        }
        Ok(obstacle)
    };
    let without = async {
        tokio::time::sleep(DOUBT).await;
        match link.options().connect().await {
            Ok(_connection) => std::future::pending().await,
            Err(error) => error,
        }
    };
    let either = async {
        tokio::select! {
            reached = within => reached,
            error = without => Err(error),
        }
    };
    match tokio::time::timeout(link.timeout, either).await {
        Ok(Ok(obstacle)) => Ok(obstacle),
        Ok(Err(error)) if refuses_options(&error) => Ok(Some(Obstacle::Pooler)),
        Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => {
            let waited = humantime::format_duration(link.timeout);
            Err(Failure::Unreachable(format!(
                "PostgreSQL at {address} did not answer within {waited}; is it running, and is \
                 database.url right?\nNothing was changed."
            )))
        }
        Ok(Err(error)) => Err(Failure::postgres(&address, &error)),
    }
}

/// Returns a connection, and waits until the pool has it. (Dropping it returns it later; the next
/// user of the pool then has to open a new connection.)
async fn give_back(mut connection: PoolConnection<Postgres>) {
    connection.return_to_pool().await;
}

/// Whether a connection is alive and has no open transaction. Errors count as `false`, which closes
/// it silently: the pool would log an error as a warning.
async fn lives(connection: &mut PgConnection) -> sqlx::Result<bool> {
    Ok(answered(SIGN_OF_LIFE, is_idle(connection)).await.unwrap_or(false))
}

/// Unique name for this process, never used by another one.
pub(crate) fn fresh_worker_id() -> String {
    format!("{}-{}-{}", host_name(), std::process::id(), ulid::Ulid::generate())
}

/// Host name of the machine.
pub(crate) fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// User and host of the operator, for the ledger.
pub(crate) fn operator() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = set("SUDO_USER").or_else(|| set("USER")).or_else(|| set("LOGNAME"));
    // For a bare environment, such as a timer's.
    let user = user.or_else(|| whoami::username().ok());
    format!("{}@{}", user.unwrap_or_else(|| "unknown".to_owned()), host_name())
}

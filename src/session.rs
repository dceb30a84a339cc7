//! A process's connection to the server's database, and everything settled about it at the start.

use std::{fmt, sync::Arc, time::Duration};

use kenoma_jobs::{
    engine::{
        BatchSettings, BrakeSettings, Driver, Lease, RetrySettings, answered, is_idle,
        ledger::{self, SchemaState},
        watch_client,
    },
    pleroma::{self, DeliveryPace, Federation, ProbeError, Registration, Server, ServerSwitches},
};
use sqlx::{
    ConnectOptions as _, PgConnection, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{Failure, reason},
    settings::Settings,
};

/// What is told when the ledger is a newer version's.
pub(crate) const NEWER_LEDGER: &str =
    "kenoma's own tables were made by a newer version than this program; update kenoma";

/// Connections of a process that runs no worker.
const COMMAND_CONNECTIONS: u32 = 6;

/// Connections of a worker beside those of its jobs.
const SIDE_CONNECTIONS: u32 = 3;

/// How long a connection that nobody uses may take to show that it still leads to the server.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// How long the first connection may take until something may be wrong.
const DOUBT: Duration = Duration::from_millis(50);

/// How long a connection that was tested counts as tested.
const TESTED: Duration = Duration::from_millis(20);

/// The server's database, reached.
#[derive(Clone)]
pub(crate) struct Session {
    /// For the work.
    pub(crate) pool: PgPool,
    /// For leases, reconciler and readers: small and, in a worker, apart, so that heavy work cannot
    /// starve them.
    pub(crate) side_pool: PgPool,
    /// What is settled.
    pub(crate) settings: Arc<Settings>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Connects for a command. All that it does shares few connections: to make another takes
    /// longer than most commands.
    pub(crate) async fn connect(settings: Settings) -> Result<Self, Failure> {
        let options = options(&settings)?;
        let pool = work_pool(&settings, &options, COMMAND_CONNECTIONS);
        Box::pin(reach(&settings, &options, &pool)).await?;
        Ok(Self { side_pool: pool.clone(), pool, settings: Arc::new(settings) })
    }

    /// Connects for a worker, with a connection for each of its jobs, and some beside them.
    pub(crate) async fn connect_worker(settings: Settings) -> Result<Self, Failure> {
        let options = options(&settings)?;
        let jobs = settings.worker.concurrency + settings.worker.short_concurrency;
        let pool = work_pool(&settings, &options, jobs);
        let side_pool =
            pool_options(&settings, SIDE_CONNECTIONS).connect_lazy_with(options.clone());
        Box::pin(reach(&settings, &options, &side_pool)).await?;
        Ok(Self { pool, side_pool, settings: Arc::new(settings) })
    }

    /// Looks at the database: which server it belongs to, and how that is configured.
    pub(crate) async fn server(&self) -> Result<Server, Failure> {
        let server = &self.settings.server;
        let switches = ServerSwitches {
            federating: server.federating,
            cleanup_attachments: server.cleanup_attachments,
            cleanup_attachments_delay: server
                .cleanup_attachments_delay
                .map(|delay| delay.as_secs()),
            search: server.search,
            external_user_synchronization: server.external_user_synchronization,
            refresh: server.refresh,
            registration: self.registration(),
            publish_wait: server.publish_wait,
            federation: self.federation(),
        };
        let instance_url = self.settings.instance_url.as_ref().map(url::Url::as_str);
        let mut db = self.side_pool.acquire().await?;
        let server = pleroma::open(&mut db, &switches, instance_url).await;
        give_back(db).await;
        server.map_err(|error| match error {
            ProbeError::Unknown { .. } => Failure::Refused(error.to_string()),
            ProbeError::Database(error) => error.into(),
        })
    }

    fn registration(&self) -> Registration {
        let server = &self.settings.server;
        let length = |characters: u32| usize::try_from(characters).unwrap_or(usize::MAX);
        Registration {
            instance_name: server.name.clone(),
            notify_email: server.notify_email.clone(),
            account_activation_required: server.account_activation_required,
            account_approval_required: server.account_approval_required,
            autofollowed_nicknames: server.autofollowed_nicknames.clone(),
            autofollowing_nicknames: server.autofollowing_nicknames.clone(),
            extended_nickname_format: server.extended_nickname_format,
            restricted_nicknames: server.restricted_nicknames.clone(),
            email_blacklist: server.email_blacklist.clone(),
            user_name_length: length(server.user_name_length),
            user_bio_length: length(server.user_bio_length),
        }
    }

    fn federation(&self) -> Federation {
        let federation = &self.settings.federation;
        Federation {
            fanout: federation.fanout,
            quarantined_instances: federation
                .quarantined_instances
                .iter()
                .map(|host| host.to_lowercase())
                .collect(),
            reachability_timeout: federation.reachability_timeout,
            pace: DeliveryPace {
                per_second: federation.per_second.into(),
                max_waiting: federation.max_waiting.into(),
            },
        }
    }

    /// Makes sure that the ledger is there.
    pub(crate) async fn require_ledger(&self) -> Result<(), Failure> {
        let mut db = self.side_pool.acquire().await?;
        let problem = match ledger::schema_state(&mut db).await? {
            SchemaState::Current => return Ok(()),
            SchemaState::Missing => {
                "kenoma's own tables are not in this database yet; make them with: kenoma migrate"
            }
            SchemaState::Older => {
                "kenoma's own tables are those of an older version; bring them up to date with: \
                 kenoma migrate"
            }
            SchemaState::Newer => NEWER_LEDGER,
        };
        Err(Failure::Refused(problem.to_owned()))
    }

    /// Gathers what the engine's loop needs for a run that somebody wants here and now: the hours
    /// of workers do not count.
    pub(crate) fn inline_driver(&self, stop: CancellationToken) -> Driver {
        let driver = self.driver(stop);
        Driver { brakes: BrakeSettings { window: None, ..driver.brakes }, ..driver }
    }

    /// Gathers what the engine's loop needs.
    pub(crate) fn driver(&self, stop: CancellationToken) -> Driver {
        let worker = &self.settings.worker;
        Driver {
            pool: self.pool.clone(),
            lease_pool: self.side_pool.clone(),
            batch: self.batch(),
            brakes: self.brakes(),
            lease: self.lease(),
            retry: RetrySettings::new(
                i32::try_from(worker.max_attempts).unwrap_or(i32::MAX),
                i32::try_from(worker.max_crashes).unwrap_or(i32::MAX),
            ),
            stop,
        }
    }

    /// Bounds of one transaction.
    pub(crate) fn batch(&self) -> BatchSettings {
        let batch = &self.settings.batch;
        BatchSettings {
            rows_initial: i64::from(batch.rows_initial),
            rows_max: i64::from(batch.rows_max),
            rows_busy: i64::from(batch.rows_busy),
            target: batch.target,
            lock_timeout: batch.lock_timeout,
            statement_timeout: batch.statement_timeout,
            share_busy: f64::from(self.settings.worker.percent_busy) / 100.0,
            nice: self.settings.worker.nice,
        }
    }

    /// What holds long runs back.
    fn brakes(&self) -> BrakeSettings {
        let brakes = &self.settings.brakes;
        BrakeSettings {
            interval: brakes.interval,
            hold: brakes.hold,
            replica_lag: i64::from(brakes.replica_lag_mib) << 20,
            lock_waiters: i64::from(brakes.lock_waiters),
            oban_delay: brakes.oban_delay,
            wal_segments: i64::from(brakes.wal_segments),
            vacuum: brakes.vacuum,
            active_backends: i64::from(brakes.active_backends),
            disk_free: u64::from(brakes.disk_free_mib) << 20,
            disk_path: brakes.disk_path.clone(),
            flag_file: brakes.flag_file.clone(),
            window: self.settings.worker.window,
        }
    }

    /// How long a silent worker keeps its runs.
    pub(crate) fn lease(&self) -> Lease {
        let worker = &self.settings.worker;
        Lease { duration: worker.lease, renewal: worker.lease_renewal }
    }
}

/// How to connect.
fn options(settings: &Settings) -> Result<PgConnectOptions, Failure> {
    let url = settings.database.url()?;
    let options: PgConnectOptions = url.expose().parse().map_err(|error: sqlx::Error| {
        Failure::Usage(format!(
            "database.url cannot be used ({}); it looks like postgres://USER:PASSWORD@HOST:PORT/NAME",
            reason(&error)
        ))
    })?;
    // A statement that takes a second, as a count of a large table does, is no reason to warn.
    Ok(options
        .application_name("kenoma")
        .log_slow_statements(log::LevelFilter::Debug, Duration::from_secs(1)))
}

fn pool_options(settings: &Settings, connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(0)
        .acquire_timeout(settings.database.connect_timeout)
        .idle_timeout(Duration::from_mins(1))
        // sqlx would wait for ever for connections that were swallowed: here, the pool's own test
        // is replaced by one with a limit.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            // One that was just given back was tested then.
            let tested = meta.idle_for < TESTED;
            Box::pin(async move { Ok(tested || lives(connection).await?) })
        })
        .after_release(|connection, _| Box::pin(lives(connection)))
}

/// A pool of connections whose statements end when this process does.
fn work_pool(settings: &Settings, options: &PgConnectOptions, connections: u32) -> PgPool {
    pool_options(settings, connections)
        .after_connect(|db, _| Box::pin(watch_client(db)))
        .connect_lazy_with(options.clone())
}

/// Makes the pool's first connection. If that takes its time, one without the pool, which tries again
/// and again, tells why.
async fn reach(
    settings: &Settings,
    options: &PgConnectOptions,
    pool: &PgPool,
) -> Result<(), Failure> {
    let address = address(options);
    let within = async {
        give_back(pool.acquire().await?).await;
        Ok(())
    };
    let without = async {
        tokio::time::sleep(DOUBT).await;
        match options.connect().await {
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
    match tokio::time::timeout(settings.database.connect_timeout, either).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => {
            let waited = humantime::format_duration(settings.database.connect_timeout);
            Err(Failure::Unreachable(format!(
                "PostgreSQL at {address} did not answer within {waited}; is it running, and is \
                 database.url right?\nNothing was changed."
            )))
        }
        Ok(Err(error)) => Err(Failure::postgres(&address, &error)),
    }
}

/// Gives a connection back, and waits until the pool has it again. (Dropping it does so at leisure;
/// whoever asks next is made to wait for a new connection.)
async fn give_back(mut connection: PoolConnection<Postgres>) {
    connection.return_to_pool().await;
}

/// Whether a connection still leads to the server, and nothing was left begun on it. One of which
/// that is not so is closed without a word: the pool would make a warning of an error.
async fn lives(connection: &mut PgConnection) -> sqlx::Result<bool> {
    Ok(answered(SIGN_OF_LIFE, is_idle(connection)).await.unwrap_or(false))
}

/// Where PostgreSQL is, without secrets.
fn address(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// A name for this process that no other has had.
pub(crate) fn fresh_worker_id() -> String {
    format!("{}-{}-{}", host_name(), std::process::id(), ulid::Ulid::generate())
}

/// The machine's name.
pub(crate) fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// Who sits in front of the terminal, for the ledger.
pub(crate) fn operator() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = set("SUDO_USER").or_else(|| set("USER")).or_else(|| set("LOGNAME"));
    // A bare environment, such as a timer's.
    let user = user.or_else(|| whoami::username().ok());
    format!("{}@{}", user.unwrap_or_else(|| "unknown".to_owned()), host_name())
}

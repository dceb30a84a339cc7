//! A database with the rows of a scenario, and the engine's parts to act on it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ostrakon_engine::{
    BatchSettings, Driver, Ended, Lease, NoQueues, PlanSummary, Progress, RetrySettings,
    ThrottleSettings,
    ledger::{self, Claim, Enqueued, NewRun, Run},
};
use ostrakon_jobs::AnyJob;
use ostrakon_server::{Configuration, FederationSettings, Server, ServerSettings};
use sqlx::{Connection as _, PgPool, postgres::PgPoolOptions};
use testkit::{Database, State, default_settings};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A database of its own.
pub(super) struct Stage {
    database: Database,
    server: Server,
    /// For the batches.
    pool: PgPool,
    /// Rows of a batch.
    rows: i64,
}

impl Stage {
    /// Outlasts every test.
    pub(super) const LONG_LEASE: Lease =
        Lease { duration: Duration::from_mins(10), renewal: Duration::from_mins(5) };

    /// Over before anybody looks: its holder is as good as dead.
    const NO_LEASE: Lease = Lease { duration: Duration::ZERO, renewal: Duration::from_mins(5) };

    /// Copies rows into a fresh database, with a ledger.
    pub(super) async fn set(rows: &State, like: &Database) -> Result<Self> {
        let database = Database::like(like).await?;
        rows.load(&database.pool()).await?;
        Self::on(database).await
    }

    /// Takes a database as it is, and makes the ledger.
    pub(super) async fn on(database: Database) -> Result<Self> {
        let mut db = database.pool().acquire().await?;
        ledger::migrate(&mut db).await?;
        let mut federation: FederationSettings = default_settings("federation");
        // Else when a delivery is due, and whether a run waits, would depend on how quick the machine
        // is: nobody delivers anything here.
        federation.per_second = 1_000_000;
        federation.max_waiting = 10_000_000;
        let configuration = Configuration {
            instance_url: None,
            // A removal waits for nobody: nothing is delivered here.
            server: &ServerSettings::default(),
            registration: &default_settings("registration"),
            federation: &federation,
        };
        let server = ostrakon_server::open(&mut db, configuration).await?;
        drop(db);
        Ok(Self { pool: database.pool(), database, server, rows: 3 })
    }

    /// Has batches of `rows` rows done through another pool.
    pub(super) fn with_batches(self, pool: PgPool, rows: i64) -> Self {
        Self { pool, rows, ..self }
    }

    pub(super) fn pool(&self) -> PgPool {
        self.database.pool()
    }

    pub(super) async fn plan(&self, job: &AnyJob) -> Result<PlanSummary> {
        let mut db = self.pool().acquire().await?;
        Ok(job.plan(&mut db, &self.server).await?)
    }

    pub(super) async fn enqueue(&self, job: &AnyJob) -> Result<String> {
        let plan = self.plan(job).await?;
        let new = NewRun {
            job: job.name(),
            class: job.class(),
            payload: job.payload()?,
            subject: job.subject(),
            dedupe_key: &job.dedupe_key(),
            plan: &plan,
            requested_by: "test",
            reason: None,
            group_id: None,
            held: false,
            overridden: None,
        };
        let mut db = self.pool().acquire().await?;
        let mut db = db.begin().await?;
        match ledger::enqueue(&mut db, &[new]).await?.pop() {
            Some(Enqueued::New { id }) => {
                job.on_enqueue(&mut db, &self.server).await?;
                db.commit().await?;
                Ok(id)
            }
            other => anyhow::bail!("{other:?}"),
        }
    }

    pub(super) async fn find(&self, id: &str) -> Result<Run> {
        let mut db = self.pool().acquire().await?;
        ledger::find(&mut db, id).await?.context("the run is gone")
    }

    /// Claims a run and works on it to its end.
    pub(super) async fn run(&self, job: &AnyJob, id: &str) -> Result<Ended> {
        let mut db = self.pool().acquire().await?;
        let claim = ledger::claim(&mut db, id, "worker", Self::LONG_LEASE).await?;
        drop(db);
        self.drive(job, &claim.context("the run is not due")?).await
    }

    pub(super) async fn drive(&self, job: &AnyJob, claim: &Claim) -> Result<Ended> {
        let (progress, _) = watch::channel(Progress::default());
        let driver = self.driver(Self::LONG_LEASE);
        Ok(job.drive(&driver, &self.server, claim, &progress).await)
    }

    /// Claims a run with a lease that is over at once.
    pub(super) async fn claim_briefly(&self, id: &str) -> Result<Claim> {
        let mut db = self.pool().acquire().await?;
        // PostgreSQL may still be undoing the batch of a worker that just died.
        sqlx::query("select from ostrakon.runs where id = $1 for update")
            .bind(id)
            .execute(&mut *db)
            .await?;
        let claim = ledger::claim(&mut db, id, "worker", Self::NO_LEASE).await?;
        claim.context("the run is not due")
    }

    /// Claims a run, and drops everything the moment its first batch is committed.
    pub(super) async fn run_one_batch_and_die(&self, job: &AnyJob, id: &str) -> Result<()> {
        let claim = self.claim_briefly(id).await?;
        ensure!(claim.crashes <= 1, "{} crashes, though every claim got on", claim.crashes);
        let (progress, mut committed) = watch::channel(Progress::default());
        // Its connections die with it.
        let own = PgPoolOptions::new().max_connections(2).connect(self.database.url()).await?;
        // Every commit prolongs the lease: here by nothing.
        let driver =
            Driver { pool: own.clone(), lease_pool: own.clone(), ..self.driver(Self::NO_LEASE) };
        tokio::select! {
            biased;
            _ = committed.wait_for(|progress| progress.batches > 0) => {}
            _ = job.drive(&driver, &self.server, &claim, &progress) => {}
        }
        own.close().await;
        Ok(())
    }

    fn driver(&self, lease: Lease) -> Driver {
        let mut batch: BatchSettings = default_settings("batch");
        (batch.rows_initial, batch.rows_max, batch.rows_busy) = (self.rows, self.rows, self.rows);
        batch.percent_busy = 100;
        batch.target = Duration::from_secs(1);
        batch.lock_timeout = Duration::from_secs(10);
        batch.statement_timeout = Duration::from_secs(30);
        batch.late_writes = Duration::ZERO;
        Driver {
            pool: self.pool.clone(),
            lease_pool: self.pool(),
            batch,
            throttle: ThrottleSettings::default(),
            queues: std::sync::Arc::new(NoQueues),
            lease,
            retry: RetrySettings::new(3, 1_000_000),
            stop: CancellationToken::new(),
        }
    }
}

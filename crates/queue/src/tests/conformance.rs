//! What both notifiers promise, on a real Redis and a real PostgreSQL.

use std::{collections::HashSet, ops::RangeInclusive};

use anyhow::{Context as _, Result, ensure};
use ostrakon_engine::{Class, ledger};
use sqlx::{Executor as _, PgPool, postgres::PgPoolOptions};
use testkit::{Link, Postgres, Proxy, Redis};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::bench::{Event, Gate, envelope, quick, reporting, run_id, within};
use crate::{Notifier, PostgresNotifier, QueueError, RedisNotifier, RedisSettings};

/// A server through which notifications go.
enum Server {
    Redis(Redis),
    Postgres { server: Postgres, pool: PgPool },
}

impl Server {
    async fn both() -> Result<[Self; 2]> {
        let server = Postgres::start()?;
        let pool = PgPoolOptions::new().max_connections(8).connect_lazy(&server.url("postgres"))?;
        ledger::migrate(&mut *pool.acquire().await?).await?;
        Ok([Self::Redis(Redis::start()?), Self::Postgres { server, pool }])
    }

    fn notifier(&self) -> Result<Box<dyn Notifier>> {
        Ok(match self {
            Self::Redis(server) => Box::new(RedisNotifier::lazy(&RedisSettings {
                url: server.url(),
                prefix: "test".to_owned(),
                ..RedisSettings::default()
            })?),
            Self::Postgres { pool, .. } => {
                Box::new(PostgresNotifier::new(pool.clone(), pool.clone()))
            }
        })
    }

    /// Puts runs into the ledger, which PostgreSQL's notifier asks.
    async fn are_due(&self, numbers: RangeInclusive<usize>) -> Result<()> {
        let Self::Postgres { pool, .. } = self else { return Ok(()) };
        sqlx::query(
            "insert into ostrakon.runs (id, job, class, payload, subject, dedupe_key, requested_by)
             select lpad(n::text, 26, '0'), 'delete_activities', 'short', '{}', 'eve', n, 'test'
             from generate_series($1::bigint, $2) as n",
        )
        .bind(i64::try_from(*numbers.start())?)
        .bind(i64::try_from(*numbers.end())?)
        .execute(pool)
        .await?;
        Ok(())
    }

    /// Takes a run out of that ledger.
    async fn is_done(&self, run_id: &str) -> Result<()> {
        let Self::Postgres { pool, .. } = self else { return Ok(()) };
        sqlx::query("delete from ostrakon.runs where id = $1").bind(run_id).execute(pool).await?;
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        match self {
            Self::Redis(server) => server.restart(),
            Self::Postgres { server, .. } => {
                server.stop_immediate()?;
                server.restart()
            }
        }
    }

    /// Notifies in a way that ostrakon does not.
    async fn forge(&self) -> Result<()> {
        match self {
            Self::Redis(server) => {
                server.command(&["HSET", "test:short:data", "forged", "not json"])?;
                server.command(&["ZADD", "test:short:scheduled", "0", "forged"])?;
            }
            Self::Postgres { pool, .. } => {
                pool.execute("select pg_notify('ostrakon_short', '')").await?;
                pool.execute("select pg_notify('ostrakon_short', repeat('x', 7999))").await?;
                pool.execute("select pg_notify('ostrakon_short', '{\"run_id\": 1}')").await?;
            }
        }
        Ok(())
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Redis(_) => "Redis",
            Self::Postgres { .. } => "PostgreSQL",
        }
    }
}

/// A consumer that is being served.
struct Consumer {
    received: mpsc::UnboundedReceiver<Event>,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), QueueError>>,
}

impl Consumer {
    fn start(server: &Server, class: Class, concurrency: usize, gate: Gate) -> Result<Self> {
        Ok(Self::of(&*server.notifier()?, class, concurrency, gate))
    }

    fn of(notifier: &dyn Notifier, class: Class, concurrency: usize, gate: Gate) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let handler = reporting(sender, gate);
        let serving = notifier.consume(quick(concurrency), class, handler, stop.clone());
        Self { received, stop, serving: tokio::spawn(serving) }
    }

    async fn event(&mut self) -> Result<Event> {
        within("an event", self.received.recv()).await?.context("the consumer has ended")
    }

    /// Waits until a run begins.
    async fn begun(&mut self) -> Result<String> {
        loop {
            if let Event::Begun(message) = self.event().await?
                && let Some(run_id) = run_id(&message)
            {
                return Ok(run_id.to_owned());
            }
        }
    }

    /// Waits until a run has ended.
    async fn ended(&mut self, wanted: &str) -> Result<()> {
        loop {
            if let Event::Ended(message) = self.event().await?
                && run_id(&message) == Some(wanted)
            {
                return Ok(());
            }
        }
    }

    async fn end(&mut self) -> Result<()> {
        self.stop.cancel();
        Ok(within("the consumer to end", &mut self.serving).await???)
    }
}

/// Id as a run has it.
fn id(number: usize) -> String {
    format!("{number:026}")
}

/// Notifies until it works: a consumer that has just started need not listen yet, and PostgreSQL
/// keeps nothing for it.
async fn notify_until_begun(server: &Server, consumer: &mut Consumer, run_id: &str) -> Result<()> {
    let mut notifier = server.notifier()?;
    let begun = async {
        loop {
            notifier.notify(Class::Short, envelope(run_id)).await?;
            let waited = tokio::time::timeout(std::time::Duration::from_millis(100), async {
                consumer.begun().await
            });
            if let Ok(begun) = waited.await
                && begun? == run_id
            {
                return anyhow::Ok(());
            }
        }
    };
    within("a run to begin", begun).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_handled_by_a_worker_of_its_class() -> Result<()> {
    for server in Server::both().await? {
        let mut short = Consumer::start(&server, Class::Short, 1, Gate::open())?;
        let mut long = Consumer::start(&server, Class::Long, 1, Gate::open())?;
        notify_until_begun(&server, &mut short, &id(1)).await?;
        short.ended(&id(1)).await?;
        short.end().await?;
        long.end().await?;
        ensure!(long.received.recv().await.is_none(), "{}: the wrong class", server.name());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_due_before_a_worker_started_is_handled() -> Result<()> {
    for server in Server::both().await? {
        server.are_due(1..=1).await?;
        server.notifier()?.notify(Class::Short, envelope(&id(1))).await?;
        let mut consumer = Consumer::start(&server, Class::Short, 1, Gate::open())?;
        consumer.ended(&id(1)).await?;
        consumer.end().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_handlers_run_than_there_are_slots() -> Result<()> {
    const SLOTS: usize = 2;
    for server in Server::both().await? {
        let gate = Gate::closed();
        let mut consumer = Consumer::start(&server, Class::Short, SLOTS, gate.clone())?;
        notify_until_begun(&server, &mut consumer, &id(1)).await?;
        let mut notifier = server.notifier()?;
        for number in 2..=4 {
            notifier.notify(Class::Short, envelope(&id(number))).await?;
        }
        let mut running = 1;
        let mut begun = HashSet::from([id(1)]);
        while begun.len() < 4 {
            match consumer.event().await? {
                Event::Begun(message) => {
                    running += 1;
                    begun.extend(run_id(&message).map(str::to_owned));
                }
                Event::Ended(_) => running -= 1,
            }
            ensure!(running <= SLOTS, "{}: {running} handlers", server.name());
            if running == SLOTS {
                gate.let_pass(1);
            }
        }
        gate.let_pass(100);
        consumer.end().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_handled_twice_at_the_same_time() -> Result<()> {
    for server in Server::both().await? {
        let gate = Gate::closed();
        let mut consumer = Consumer::start(&server, Class::Short, 3, gate.clone())?;
        notify_until_begun(&server, &mut consumer, &id(1)).await?;
        let mut notifier = server.notifier()?;
        if let Server::Postgres { .. } = server {
            // Redis has two messages then, and handles the run twice: the ledger decides.
            notifier.notify(Class::Short, envelope(&id(1))).await?;
        }
        notifier.notify(Class::Short, envelope(&id(2))).await?;
        ensure!(consumer.begun().await? == id(2), "{}", server.name());
        gate.let_pass(10);
        consumer.end().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_notifications_harm_nothing() -> Result<()> {
    for server in Server::both().await? {
        let mut consumer = Consumer::start(&server, Class::Short, 1, Gate::open())?;
        notify_until_begun(&server, &mut consumer, &id(1)).await?;
        server.forge().await?;
        server.notifier()?.notify(Class::Short, envelope(&id(2))).await?;
        consumer.ended(&id(2)).await?;
        consumer.end().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_a_handler_takes_no_slot_along() -> Result<()> {
    for server in Server::both().await? {
        let mut consumer = Consumer::start(&server, Class::Short, 1, Gate::open())?;
        notify_until_begun(&server, &mut consumer, "panic").await?;
        server.notifier()?.notify(Class::Short, envelope(&id(2))).await?;
        consumer.ended(&id(2)).await?;
        consumer.end().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_is_survived() -> Result<()> {
    for mut server in Server::both().await? {
        let gate = Gate::closed();
        let mut consumer = Consumer::start(&server, Class::Short, 2, gate.clone())?;
        notify_until_begun(&server, &mut consumer, &id(1)).await?;
        server.restart()?;
        // The handler goes on, and new runs are received.
        notify_until_begun(&server, &mut consumer, &id(2)).await?;
        gate.let_pass(10);
        consumer.end().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_runs_are_handled() -> Result<()> {
    const RUNS: usize = 10_000;
    for server in Server::both().await? {
        let mut consumer = Consumer::start(&server, Class::Short, 4, Gate::open())?;
        notify_until_begun(&server, &mut consumer, &id(0)).await?;
        // Those for which a worker has no room it finds in the ledger.
        server.are_due(1..=RUNS).await?;
        let mut notifier = server.notifier()?;
        let sending = tokio::spawn(async move {
            for number in 1..=RUNS {
                while notifier.room(Class::Short).await? == 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                notifier.notify(Class::Short, envelope(&id(number))).await?;
            }
            anyhow::Ok(())
        });
        all_begin(&server, &mut consumer, RUNS).await?;
        sending.await??;
        consumer.end().await?;
    }
    Ok(())
}

/// Runs of which nobody was notified, more than a worker keeps in mind.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_ledger_is_handled_though_nobody_notifies() -> Result<()> {
    const RUNS: usize = 2_500;
    let [_redis, server] = Server::both().await?;
    server.are_due(1..=RUNS).await?;
    let mut consumer = Consumer::start(&server, Class::Short, 4, Gate::open())?;
    all_begin(&server, &mut consumer, RUNS).await?;
    consumer.end().await
}

/// A network that swallows everything leaves the session open, and the worker deaf.
#[tokio::test(flavor = "multi_thread")]
async fn a_listening_session_in_a_black_hole_is_given_up() -> Result<()> {
    let [_redis, server] = Server::both().await?;
    let Server::Postgres { server: postgres, pool } = &server else { unreachable!() };
    let (proxy, url) = Proxy::before(&postgres.url("postgres")).await?;
    let listeners = PgPoolOptions::new().connect_lazy(&url)?;
    let notifier = PostgresNotifier::new(pool.clone(), listeners);
    let mut consumer = Consumer::of(&notifier, Class::Short, 1, Gate::open());
    notify_until_begun(&server, &mut consumer, &id(1)).await?;
    proxy.set(Link::BlackHole);
    server.are_due(2..=2).await?;
    server.notifier()?.notify(Class::Short, envelope(&id(2))).await?;
    // It connects again only when it has given up the old session.
    let given_up = async {
        while proxy.connections() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    within("the session to be given up", given_up).await?;
    proxy.set(Link::Open);
    consumer.ended(&id(2)).await?;
    consumer.end().await
}

/// Waits until runs 1 to `number` have begun, and takes each out of the ledger.
async fn all_begin(server: &Server, consumer: &mut Consumer, number: usize) -> Result<()> {
    let mut left: HashSet<String> = (1..=number).map(id).collect();
    while !left.is_empty() {
        let run = consumer.begun().await?;
        left.remove(&run);
        server.is_done(&run).await?;
    }
    Ok(())
}

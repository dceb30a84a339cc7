//! The combined cost of ledger, lease, progress and queue.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use sqlx::Connection as _;
use testkit::{
    Community,
    console::{say, show, show_table, thousands},
    worker::Worker,
};
use tokio::time::sleep;

use super::accounts;
use super::env::{BenchEnv, COPY, SEEDED};
use super::figures::Figures;
use super::measure::{self, Measured};

/// Maximum share of a run that they may take.
const PART: f64 = 0.05;

const DELETE: [&str; 3] = ["user", "delete_activities", Community::PROLIFIC];

/// Number of durable commits to measure.
const COMMITS: u32 = 200;

/// Number of accounts confirmed, one per turn, in a separate database.
const CONFIRMED: i32 = 2_000;

const TURNS: &str = "turns";

/// Results of one measurement of the loop, in milliseconds.
struct Turn {
    /// A turn that writes one account.
    smallest: f64,
    /// A durable transaction that changes one row.
    commit: f64,
}

/// Measures the same job both ways, and the loop with almost nothing to do.
pub(super) async fn run(env: &mut BenchEnv, posts: i32) -> Result<()> {
    env.seed(SEEDED, Community { posts, ..env.community() }, "").await?;
    env.seed(TURNS, accounts::COMMUNITY, "").await?;
    accounts::add(env, TURNS, (0, CONFIRMED.into()), false).await?;
    let (mut inlines, mut workers, mut turns) = (Vec::new(), Vec::new(), Vec::new());
    let mut batches = 0.0;
    for round in 1..=env.rounds {
        for is_inline in [!round.is_multiple_of(2), round.is_multiple_of(2)] {
            env.fresh_copy(SEEDED).await?;
            let (one, who) = if is_inline {
                let one = measure::inline(env, &DELETE).await?;
                batches = count_turns(env).await?;
                inlines.push(one.seconds);
                (one, "inline")
            } else {
                let one = by_worker(env, &DELETE).await?;
                workers.push(one.seconds);
                (one, "worker")
            };
            env.recorder.note(("overhead", who), posts.into(), round, &one.named())?;
        }
        env.fresh_copy(TURNS).await?;
        let turn = smallest_turn(env).await?;
        let figures = [("smallest_turn_ms", turn.smallest), ("bare_commit_ms", turn.commit)];
        env.recorder.note(("overhead", "loop"), CONFIRMED.into(), round, &figures)?;
        turns.push(turn);
        say(format!("xtask: round {round} of {} is done", env.rounds));
    }
    let (inline, worker) = (Figures::from_iter(inlines), Figures::from_iter(workers));
    let smallest: Figures = turns.iter().map(|turn| turn.smallest).collect();
    let commit: Figures = turns.iter().map(|turn| turn.commit).collect();
    let of_the_run = |turn_ms: f64| turn_ms * batches / (inline.median() * 1000.0);
    show("");
    show(format!("delete_activities of {} posts:", thousands(posts.into())));
    show_table(
        &["", "TIME"],
        &[
            vec!["--inline".to_owned(), inline.spread(2, " s")],
            vec!["through Redis and a worker".to_owned(), worker.spread(2, " s")],
            vec![
                "a turn of the loop that writes one account".to_owned(),
                smallest.spread(2, " ms"),
            ],
            vec!["a bare durable commit of one row".to_owned(), commit.spread(2, " ms")],
        ],
    );
    show(format!(
        "{batches:.0} turns: at most {:.1} % of the run is the loop, {:.1} % are the commits in it, \
         which the bare procedure has as well.",
        of_the_run(smallest.median()) * 100.0,
        of_the_run(commit.median()) * 100.0
    ));
    let through = worker.median() / inline.median();
    env.judge.at_most("through Redis and a worker: times --inline", through, 1.0 + PART, "");
    let own = of_the_run(smallest.median() - commit.median());
    env.judge.at_most("the loop without its commits: part of the run", own, PART, "");
    Ok(())
}

/// Starts a worker, then queues a command, and measures the worker doing it.
pub(super) async fn by_worker(env: &BenchEnv, words: &[&str]) -> Result<Measured> {
    let worker = start_worker(env).await?;
    let one = measure::by_worker(env, words, worker.id()).await;
    let one = one.with_context(|| format!("the worker's log ends in:\n{}", worker.log_tail()))?;
    worker.stop().await?;
    Ok(one)
}

/// Starts a worker on the copy, and waits until it has registered.
pub(super) async fn start_worker(env: &BenchEnv) -> Result<Worker> {
    let worker = Worker::start(&env.ostrakon)?;
    let mut db = env.connect(COPY).await?;
    let waiting = Instant::now();
    loop {
        let there: bool = sqlx::query_scalar("select exists (select from ostrakon.workers)")
            .fetch_one(&mut db)
            .await?;
        if there {
            return Ok(worker);
        }
        if waiting.elapsed().as_secs() > 60 {
            bail!("no worker after a minute; its log:\n{}", worker.log_tail());
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Measures the loop by a run with almost nothing to do. Each turn is begin, lock, one confirmed
/// account, checkpoint and commit.
async fn smallest_turn(env: &mut BenchEnv) -> Result<Turn> {
    let mut db = env.connect(COPY).await?;
    env.ostrakon.set("OSTRAKON_BATCH_ROWS_INITIAL", "1");
    env.ostrakon.set("OSTRAKON_BATCH_ROWS_MAX", "1");
    measure::inline(env, &["user", "confirm_all"]).await?;
    let turns = count_turns(env).await?;
    ensure!(turns >= 0.99 * f64::from(CONFIRMED), "{turns} turns for {CONFIRMED} accounts");
    let worked_ms: f64 = sqlx::query_scalar(
        "select 1000 * extract(epoch from max(r.finished_at) - max(e.at))::float
         from ostrakon.runs r join ostrakon.run_events e on e.run_id = r.id and e.event = 'planned'",
    )
    .fetch_one(&mut db)
    .await?;
    sqlx::raw_sql("create table public.bare (n int); insert into public.bare values (0)")
        .execute(&mut db)
        .await?;
    let begun = Instant::now();
    for _ in 0..COMMITS {
        let mut transaction = db.begin().await?;
        sqlx::query("update public.bare set n = n + 1").execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    let commit = begun.elapsed().as_secs_f64() * 1000.0 / f64::from(COMMITS);
    Ok(Turn { smallest: worked_ms / turns, commit })
}

/// Returns the number of checkpoints written on the copy.
async fn count_turns(env: &BenchEnv) -> Result<f64> {
    let turns: f64 = sqlx::query_scalar(
        "select coalesce(sum(calls), 0)::float from pg_stat_statements
         where query like '%update ostrakon.runs set cursor = %'
           and dbid = (select oid from pg_database where datname = $1)",
    )
    .bind(COPY)
    .fetch_one(&mut env.connect("postgres").await?)
    .await?;
    if turns < 1.0 {
        bail!("the statement that writes a checkpoint is another one now: no turn can be counted");
    }
    Ok(turns)
}

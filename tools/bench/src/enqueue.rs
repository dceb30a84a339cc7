//! Requests for very many runs, and a ledger that holds very many.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::{
    Community,
    console::{say, show, show_table, thousands},
};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::accounts;
use super::env::{BenchEnv, COPY, SEEDED};
use super::figures::Figures;
use super::footprint::time;
use super::measure;
use super::overhead::start_worker;

/// A few posts, and few accounts besides those that are added.
const COMMUNITY: Community = Community {
    posts: 1_000,
    local_accounts: 50,
    other_accounts: 50,
    spam_accounts: 10,
    spam_follows: 3,
};

/// Maximum seconds for ten thousand hosts.
const HOSTS_SECONDS: f64 = 5.0;

/// Maximum number of messages in Redis.
const MESSAGES: f64 = 2_000.0;

/// Number of times that each command runs on an empty and on a full ledger.
const TIMES: i64 = 21;

/// Maximum duration of a command on a full ledger, as a multiple of that on an empty one. Two
/// rounds on an empty ledger differ by as much.
const SLOWER: f64 = 1.25;

/// Time limit for anything that the bench waits for.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Commands that read the ledger.
const LISTS: [&[&str]; 3] = [
    &["runs", "list"],
    &["runs", "list", "--status", "failed"],
    &["runs", "list", "--job", "delete_user"],
];

/// Statements of the ledger, each with the pattern that finds it in `pg_stat_statements`.
const STATEMENTS: [(&str, &str); 4] = [
    ("insert of a run", "insert into ostrakon.runs%"),
    ("claim of a run", "select status, cursor is null%"),
    ("the reconciler's look for due runs", "select * from ostrakon.runs%where class = %"),
    ("runs with the same key", "select id, job, status from ostrakon.runs%where dedupe_key%"),
];

/// Measurements on a ledger, by name, in milliseconds.
type Times = Vec<(String, Figures)>;

/// Measures both.
pub(super) async fn run(env: &mut BenchEnv, hosts: i32, runs: i64) -> Result<()> {
    env.seed(SEEDED, COMMUNITY, "").await?;
    // As many local accounts as hosts, for the runs below.
    accounts::add(env, SEEDED, (0, i64::from(hosts).max(TIMES * 8)), true).await?;
    let fullest = enqueue_hosts(env, hosts).await?;
    env.fresh_copy(SEEDED).await?;
    let (empty, few) = measure_ledger(env, 0).await?;
    add_runs(env, runs).await?;
    let (full, many) = measure_ledger(env, 1).await?;
    show("");
    show(format!("A ledger with {} queued runs and as many finished ones:", thousands(runs)));
    let row = |((name, empty), (_, full)): (&(String, Figures), &(String, Figures))| {
        vec![name.clone(), empty.spread(2, " ms"), full.spread(2, " ms")]
    };
    let rows: Vec<Vec<String>> = empty.iter().zip(&full).map(row).collect();
    show_table(&["", "EMPTY", "FULL"], &rows);
    for (who, times) in [("empty", &empty), ("full", &full)] {
        for (name, figures) in times {
            let figures = [("median_ms", figures.median()), ("largest_ms", figures.largest())];
            env.recorder.note(("ledger", &format!("{who}: {name}")), runs, 0, &figures)?;
        }
    }
    for ((name, empty), (_, full)) in empty.iter().zip(&full).take(2 + LISTS.len()) {
        let what = format!("{name}, full ledger: times as long");
        env.judge.at_most(what, full.median() / empty.median(), SLOWER, "");
    }
    let messages = fullest.max(few).max(many);
    env.judge.at_most("messages in Redis", messages, MESSAGES, "");
    Ok(())
}

/// Requests a run for each of `hosts` hosts; returns the maximum number of messages in Redis.
async fn enqueue_hosts(env: &mut BenchEnv, hosts: i32) -> Result<f64> {
    let file = env.ostrakon.folder()?.join("hosts");
    let mut text = String::new();
    for number in 0..hosts {
        writeln!(text, "host{}.example", number * 2 + 1)?;
    }
    fs::write(&file, text)?;
    let file = file.display().to_string();
    let words = ["user", "deactivate_all_from_instance", "--hosts-file", &file, "--yes", "--json"];
    let (mut seconds, mut messages) = (Vec::new(), 0.0_f64);
    for round in 1..=env.rounds {
        env.fresh_copy(SEEDED).await?;
        let took = time(env, &words).await? / 1000.0;
        let waiting = count_messages(env)?;
        let figures = [("seconds", took), ("messages", waiting)];
        env.recorder.note(("enqueue", "hosts"), hosts.into(), round, &figures)?;
        seconds.push(took);
        messages = messages.max(waiting);
    }
    let seconds = Figures::from_iter(seconds);
    let what = format!("{} hosts from a file", thousands(hosts.into()));
    show("");
    show(format!("{what}: {}, {messages:.0} messages in Redis", seconds.spread(2, " s")));
    env.judge.at_most(what, seconds.median(), HOSTS_SECONDS, " s");
    Ok(messages)
}

async fn add_runs(env: &BenchEnv, runs: i64) -> Result<()> {
    say(format!("xtask: adding {} runs …", thousands(runs * 2)));
    let mut db = env.connect(COPY).await?;
    sqlx::query(include_str!("add_runs.sql")).bind(runs).execute(&mut db).await?;
    sqlx::raw_sql(
        "insert into ostrakon.run_events (run_id, event, actor)
         select id, 'queued', requested_by from ostrakon.runs where requested_by = 'bench@localhost'",
    )
    .execute(&mut db)
    .await?;
    sqlx::raw_sql("vacuum analyze").execute(&mut db).await?;
    Ok(())
}

/// Measures commands and statements on the present ledger; `turn` selects accounts that are not
/// used yet.
async fn measure_ledger(env: &BenchEnv, turn: i64) -> Result<(Times, f64)> {
    env.settle().await?;
    let nickname = |number: i64| format!("member{}", (turn * TIMES * 3 + number + 1) * 2);
    let mut times = Vec::new();
    let (mut enqueued, mut inline) = (Vec::new(), Vec::new());
    for number in 0..TIMES {
        let words = ["user", "deactivate", &nickname(number), "--yes", "--queue"];
        enqueued.push(time(env, &words).await?);
        let words = ["user", "deactivate", &nickname(TIMES + number), "--yes", "--inline"];
        inline.push(time(env, &words).await?);
    }
    times.push(("enqueue, the whole process".to_owned(), Figures::from_iter(enqueued)));
    times.push(("a small run --inline".to_owned(), Figures::from_iter(inline)));
    for words in LISTS {
        let mut listed = Vec::new();
        for _ in 0..TIMES {
            listed.push(time(env, words).await?);
        }
        times.push((words.join(" "), Figures::from_iter(listed)));
    }
    let nicknames: Vec<String> = (TIMES * 2..TIMES * 3).map(nickname).collect();
    let (latencies, messages) = by_worker(env, &nicknames).await?;
    times.push(("a short run by a worker, from asking to its end".to_owned(), latencies));
    for (name, pattern) in STATEMENTS {
        times.push((name.to_owned(), statement(env, pattern).await?));
    }
    Ok((times, messages))
}

/// Measures short runs by a worker that also works through the queued runs. Returns the duration of
/// each, and the maximum number of messages in Redis.
async fn by_worker(env: &BenchEnv, nicknames: &[String]) -> Result<(Figures, f64)> {
    let worker = start_worker(env).await?;
    let mut db = env.connect(COPY).await?;
    let (mut latencies, mut messages) = (Vec::new(), 0.0_f64);
    let mut lookups = interval(Duration::from_millis(20));
    lookups.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for nickname in nicknames {
        let begun = measure::now()?;
        let run = measure::enqueue(env, &["user", "deactivate", nickname]).await?;
        let end = timeout(TIMEOUT, async {
            loop {
                lookups.tick().await;
                messages = messages.max(count_messages(env)?);
                if let Some(end) = measure::ended(&mut db, Some(&run)).await? {
                    break anyhow::Ok(end);
                }
            }
        });
        let end = end.await.with_context(|| {
            format!("a short run was not done; the worker's log ends in:\n{}", worker.log_tail())
        })??;
        latencies.push((end - begun) * 1000.0);
    }
    worker.stop().await?;
    Ok((Figures::from_iter(latencies), messages))
}

/// Returns the number of messages that wait in the queues of both classes.
fn count_messages(env: &BenchEnv) -> Result<f64> {
    let mut messages = 0.0;
    for class in ["short", "long"] {
        for (command, key) in [("ZCARD", "scheduled"), ("LLEN", "active")] {
            let key = format!("ostrakon:{class}:{key}");
            messages += env.redis.command(&[command, &key])?.parse::<f64>()?;
        }
    }
    Ok(messages)
}

/// Returns the mean, the minimum and the maximum time of a statement.
async fn statement(env: &BenchEnv, pattern: &str) -> Result<Figures> {
    let times: (f64, f64, f64) = sqlx::query_as(
        "select coalesce(sum(total_exec_time) / nullif(sum(calls), 0), 0)::float,
                coalesce(min(min_exec_time), 0)::float, coalesce(max(max_exec_time), 0)::float
         from pg_stat_statements
         where query like $1 and dbid = (select oid from pg_database where datname = $2)",
    )
    .bind(pattern)
    .bind(COPY)
    .fetch_one(&mut env.connect("postgres").await?)
    .await?;
    Ok([times.0, times.1, times.2].into_iter().collect())
}

//! `cargo xtask demo`: the main jobs on real servers, from the command line to the recount.

mod census;
mod recount;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use testkit::{
    Community, Ostrakon, Postgres, Redis, build,
    console::{say, show, show_table, thousands},
    named_database,
    process::interrupted,
    worker::{Ended, Worker},
};
use tokio::sync::oneshot;

/// Options of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave everything running afterwards, and show how to connect, until Enter or Ctrl-C.
    #[arg(long)]
    keep: bool,
}

/// Maximum duration of a batch before the demo prints a note: the server waits meanwhile.
const LONGEST_BATCH_MS: i64 = 500;

const DATABASE: &str = "social";

/// Running processes and servers; drop ends them and removes their folders.
struct Scene {
    worker: Worker,
    ostrakon: Ostrakon,
    redis: Redis,
    postgres: Postgres,
}

/// Runs the demo. Exit code 0 only if the recount is right.
pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let (scene, verdict) = tokio::select! {
        played = play() => played?,
        end = interrupted() => bail!("{}; everything was stopped and removed", end?),
    };
    if options.keep {
        scene.say_how_to_connect();
        tokio::select! {
            () = enter() => {}
            _ = interrupted() => {}
        }
    }
    let Scene { worker, .. } = scene;
    let stopped = worker.stop().await;
    verdict.and(stopped)?;
    Ok(ExitCode::SUCCESS)
}

async fn play() -> Result<(Scene, Result<()>)> {
    crate::provision::run()?;
    let mut ostrakon = build::for_demo().await?;
    let begun = Instant::now();
    let postgres = Postgres::start_durable()?;
    let redis = Redis::start()?;
    say(format!("xtask: private PostgreSQL and Redis are up ({})", seconds(begun)));
    named_database::create_database(&postgres, DATABASE).await?;
    let mut db = named_database::connect(&postgres, DATABASE).await?;
    let seeding = Instant::now();
    Community::default().seed(&mut db).await?;
    say(format!("xtask: a community is in the database ({})", seconds(seeding)));
    // The recount compares long lists whose lengths the planner cannot know.
    sqlx::raw_sql("set work_mem = '256MB'; set enable_nestloop = off").execute(&mut db).await?;
    recount::note_before(&mut db).await?;
    let before = census::take(&mut db).await?;

    ostrakon.connect(&postgres.url(DATABASE), Some(&redis.url()));
    ostrakon.perform(&["migrate"]).await?;
    let worker = Worker::start(&ostrakon)?;
    show(format!("$ ostrakon worker    # its log: {}", worker.log().display()));
    let scene = Scene { worker, ostrakon, redis, postgres };
    if let Err(error) = scene.work().await {
        bail!("{error:#}; the end of the worker's log:\n{}", scene.worker.log_tail());
    }
    let after = census::take(&mut db).await?;
    show("");
    census::compare(&before, &after);
    show("");
    let ended = scene.worker.ended()?;
    show_speed(&ended);
    show("");
    let judged = recount::judge(&mut db).await;
    show(format!("Everything after the build took {}.", seconds(begun)));
    Ok((scene, judged.and(judge_batches(&ended))))
}

impl Scene {
    /// Requests both jobs and follows them to their ends.
    async fn work(&self) -> Result<()> {
        let delete = ["user", "delete_activities", Community::PROLIFIC];
        let deactivate = ["user", "deactivate_all_from_instance", Community::SPAM_HOST];
        // Many people here follow somebody there, which a guard objects to.
        let overridden: &[&str] = &["--yes", "--override", "it sends spam"];
        let mut runs = Vec::new();
        for (words, yes) in [(delete, &["--yes"][..]), (deactivate, overridden)] {
            self.ostrakon.perform(&[&words[..], &["--dry-run"]].concat()).await?;
            let answer = self.ostrakon.answer(&[&words[..], yes].concat()).await?;
            runs.push(run_id(&answer)?);
        }
        for run in &runs {
            self.ostrakon.perform(&["runs", "watch", run]).await?;
        }
        self.ostrakon.perform(&["runs", "list"]).await
    }

    fn say_how_to_connect(&self) {
        show("");
        show("Everything goes on running until Enter or Ctrl-C. Look around:");
        show(format!("  psql {}", self.postgres.url(DATABASE)));
        show(format!("  redis-cli -u {}", self.redis.url()));
        for (name, value) in self.ostrakon.environment() {
            show(format!("  export {name}={value}"));
        }
        show(format!("  {} runs list", self.ostrakon.path().display()));
    }
}

/// Finds the ULID in the output of an enqueuing command.
fn run_id(answer: &str) -> Result<String> {
    answer
        .split(|character: char| !character.is_ascii_alphanumeric())
        .find(|word| word.len() == 26 && word.starts_with('0'))
        .map(str::to_owned)
        .with_context(|| format!("no run is named in {answer:?}"))
}

fn show_speed(ended: &[Ended]) {
    let rows: Vec<Vec<String>> = ended
        .iter()
        .map(|run| {
            let rate = run.done * 1000 / run.duration_ms.max(1);
            vec![
                format!("{} {}", run.job, run.subject),
                thousands(run.done),
                format!("{}.{:03} s", run.duration_ms / 1000, run.duration_ms % 1000),
                thousands(rate),
                thousands(run.batches),
                format!("{} ms", run.longest_batch_ms),
            ]
        })
        .collect();
    show_table(&["RUN", "ITEMS", "TIME", "PER SECOND", "BATCHES", "LONGEST BATCH"], &rows);
}

/// Checks that both runs are in the log. A slow batch causes a note, not a failure: the speed of a
/// new user's machine does not show whether ostrakon works there.
fn judge_batches(ended: &[Ended]) -> Result<()> {
    if ended.len() < 2 {
        bail!("the worker's log tells of {} runs instead of 2", ended.len());
    }
    let longest = ended.iter().map(|run| run.longest_batch_ms).max().unwrap_or(0);
    if longest > LONGEST_BATCH_MS {
        say(format!(
            "note: the longest batch transaction took {longest} ms; over {LONGEST_BATCH_MS} ms a \
             server at work feels it (another load on this machine counts as well)"
        ));
    }
    Ok(())
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

/// Waits for Enter; forever if there is no input.
async fn enter() {
    let (sender, receiver) = oneshot::channel();
    // Not a task of the runtime, which would wait for it at its end.
    std::thread::spawn(move || {
        let mut line = String::new();
        if matches!(std::io::stdin().read_line(&mut line), Ok(1..)) {
            let _gone = sender.send(());
        } else {
            std::mem::forget(sender);
        }
    });
    let _closed = receiver.await;
}

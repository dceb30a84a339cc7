//! A worker's memory, and the start time of the program.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Result, bail};
use testkit::{
    Community,
    console::{show, show_table, thousands},
};

use super::env::{BenchEnv, SEEDED};
use super::figures::Figures;
use super::overhead::by_worker;

/// Maximum memory of a worker.
const MEMORY_MIB: f64 = 64.0;

/// Maximum duration of a command that does almost nothing.
const START_MS: f64 = 30.0;

/// Number of starts of each command.
const STARTS: u32 = 21;

/// An account with few posts: counting a history is work, not part of the start.
const SPARSE: &str = "dan3";

/// Commands to start.
const COMMANDS: [&[&str]; 3] = [&["--version"], &["runs", "list"], &["user", "show", SPARSE]];

/// Measures a worker's memory during a large run, and many starts of the program.
pub(super) async fn run(env: &mut BenchEnv, posts: i32) -> Result<()> {
    env.seed(SEEDED, Community { posts, ..env.community() }, "").await?;
    let mut rows = Vec::new();
    for words in COMMANDS {
        let mut times = Vec::new();
        time(env, words).await?;
        for start in 1..=STARTS {
            let ms = time(env, words).await?;
            let who = words.join(" ");
            env.recorder.note(("footprint", &who), posts.into(), start, &[("ms", ms)])?;
            times.push(ms);
        }
        let (name, times) = (format!("ostrakon {}", words.join(" ")), Figures::from_iter(times));
        rows.push(vec![name.clone(), times.spread(1, " ms")]);
        env.judge.at_most(name, times.median(), START_MS, " ms");
    }
    let mut peaks = Vec::new();
    for round in 1..=env.rounds {
        env.fresh_copy(SEEDED).await?;
        let one = by_worker(env, &["user", "delete_activities", Community::PROLIFIC]).await?;
        env.recorder.note(("footprint", "worker"), posts.into(), round, &one.named())?;
        peaks.push(one.memory_mib);
    }
    let peaks = Figures::from_iter(peaks);
    let name = format!("a worker, after {} posts", thousands(posts.into()));
    rows.push(vec![name.clone(), peaks.spread(1, " MiB")]);
    env.judge.at_most(name, peaks.largest(), MEMORY_MIB, " MiB");
    show("");
    show_table(&["", "MEDIAN (SMALLEST TO LARGEST)"], &rows);
    Ok(())
}

/// Runs a command; returns its milliseconds, from the start of the process to its end.
pub(super) async fn time(env: &BenchEnv, words: &[&str]) -> Result<f64> {
    let mut command = env.ostrakon.async_command(words);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = Instant::now();
    let output = command.output().await?;
    let elapsed = begun.elapsed().as_secs_f64() * 1000.0;
    if !output.status.success() {
        bail!("{} failed: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(elapsed)
}

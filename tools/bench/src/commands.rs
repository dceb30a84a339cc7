//! Commands without a run: how long the user waits for each.

use anyhow::Result;
use testkit::{
    Community,
    console::{show, show_table},
};

use super::env::{BenchEnv, SEEDED};
use super::figures::Figures;
use super::footprint::time;

/// Arguments after `ostrakon user`. `new` is missing: it computes a hash and a key, whose cost is
/// fixed.
const COMMANDS: [&[&str]; 10] = [
    &["list", "--limit", "20"],
    &["show", Community::PROLIFIC],
    &["set", Community::PROLIFIC, "--locked"],
    &["set", Community::PROLIFIC, "--no-locked"],
    &["tag", Community::PROLIFIC, "a", "b"],
    &["untag", Community::PROLIFIC, "a", "b"],
    &["reset_password", Community::PROLIFIC],
    &["sign_out", Community::PROLIFIC],
    &["invite"],
    &["invites"],
];

/// Maximum duration of a command, from the start of its process to its end.
const LIMIT_MS: f64 = 50.0;

/// Runs each command `rounds` times, and shows the median and the longest of its times.
pub(super) async fn run(env: &mut BenchEnv) -> Result<()> {
    let community = Community { posts: 2_000, spam_accounts: 1_000, ..env.community() };
    env.seed(SEEDED, community, "").await?;
    let mut rows = Vec::new();
    for words in COMMANDS {
        let name = words.join(" ");
        let words = [&["user"], words].concat();
        let mut times = Vec::new();
        for round in 1..=env.rounds {
            let ms = time(env, &words).await?;
            env.recorder.note(("commands", &name), 2_000, round, &[("ms", ms)])?;
            times.push(ms);
        }
        let times = Figures::from_iter(times);
        rows.push(vec![name.clone(), times.spread(1, " ms")]);
        env.judge.at_most(format!("user {name}"), times.median(), LIMIT_MS, " ms");
    }
    show("");
    show(format!("Each {} times, the whole process, PostgreSQL with fsync:", env.rounds));
    show_table(&["ostrakon user …", "MEDIAN (SMALLEST TO LARGEST)"], &rows);
    Ok(())
}

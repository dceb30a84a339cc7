//! The commands that act at once: how long a person waits for each.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Result, bail};
use sqlx::{Connection as _, PgConnection};
use testkit::{Community, Postgres};

use super::{SEEDED, start_server};
use crate::console::{say, show, show_table};
use crate::kenoma::Kenoma;
use crate::{provision, stage};

/// What is typed behind `kenoma user`. `new` is made of a hash and a key, which take what they take.
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

/// How long a command may take from the start of its process to its end.
const LIMIT_MS: f64 = 50.0;

/// Runs each command so often, and shows the median and the longest of its times.
pub(super) async fn run(rounds: u32) -> Result<()> {
    provision::run()?;
    let mut kenoma = Kenoma::build().await?;
    let postgres = start_server()?;
    seed(&postgres).await?;
    kenoma.connect(postgres.url(SEEDED), None);
    kenoma.perform(&["migrate"]).await?;
    let mut rows = Vec::new();
    let mut slow = Vec::new();
    for words in COMMANDS {
        let mut times = Vec::new();
        for _ in 0..rounds {
            times.push(time(&kenoma, words).await?);
        }
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        let longest = times.last().copied().unwrap_or_default();
        let name = words.join(" ");
        rows.push(vec![name.clone(), format!("{median:.1} ms"), format!("{longest:.1} ms")]);
        if median > LIMIT_MS {
            slow.push(name);
        }
    }
    show("");
    show(format!("Each {rounds} times, the whole process, PostgreSQL with fsync:"));
    show_table(&["kenoma user …", "MEDIAN", "LONGEST"], &rows);
    if slow.is_empty() { Ok(()) } else { bail!("longer than {LIMIT_MS} ms: {}", slow.join(", ")) }
}

async fn seed(postgres: &Postgres) -> Result<()> {
    let community = Community { posts: 2_000, spam_accounts: 1_000, ..Community::default() };
    say("xtask: seeding a community …");
    stage::create_database(postgres, SEEDED).await?;
    let mut db = PgConnection::connect(&postgres.url(SEEDED)).await?;
    community.seed(&mut db).await?;
    Ok(db.close().await?)
}

/// Runs a command; gives its milliseconds.
async fn time(kenoma: &Kenoma, words: &[&str]) -> Result<f64> {
    let words = [&["user"], words].concat();
    let mut command = kenoma.command(&words);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = Instant::now();
    let output = command.output().await?;
    let elapsed = begun.elapsed().as_secs_f64() * 1000.0;
    if !output.status.success() {
        bail!("{} failed: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(elapsed)
}

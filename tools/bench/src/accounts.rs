//! Commands for all accounts of a server: `confirm_all` and `list`.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use testkit::{
    Community,
    console::{say, show, show_table, thousands},
};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::env::{BenchEnv, COPY, SEEDED};
use super::figures::Figures;
use super::measure::{self, peak_memory_mib};

/// A few posts, and few accounts besides those that are added.
pub(super) const COMMUNITY: Community = Community {
    posts: 1_000,
    local_accounts: 50,
    other_accounts: 50,
    spam_accounts: 10,
    spam_follows: 3,
};

/// Maximum number of local accounts in the shorter list.
const SHORT_LIST: i64 = 10_000;

/// Maximum extra memory for the longer list.
const MORE_MIB: f64 = 4.0;

/// Number of lines between two samples of the listing process's memory.
const LINES_PER_LOOK: i64 = 200;

/// Adds local accounts, and as many of other servers, after those added before.
pub(super) async fn add(
    env: &BenchEnv,
    database: &str,
    (after, until): (i64, i64),
    confirmed: bool,
) -> Result<()> {
    say(format!("xtask: adding {} accounts …", thousands((until - after) * 2)));
    let mut db = env.connect(database).await?;
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut db).await?;
    sqlx::query(include_str!("add_accounts.sql"))
        .bind(after * 2 + 1)
        .bind(until * 2)
        .bind(confirmed)
        .execute(&mut db)
        .await?;
    sqlx::raw_sql("vacuum analyze public.users").execute(&mut db).await?;
    Ok(())
}

/// Confirms `users` accounts, among as many of other servers.
pub(super) async fn confirm_all(env: &mut BenchEnv, users: i32) -> Result<()> {
    let users = i64::from(users);
    env.seed(SEEDED, COMMUNITY, "").await?;
    add(env, SEEDED, (0, users), false).await?;
    let (mut seconds, mut bare) = (Vec::new(), Vec::new());
    for round in 1..=env.rounds {
        env.fresh_copy(SEEDED).await?;
        let took = bare_update(env).await?;
        env.recorder.note(("confirm_all", "bare update"), users, round, &[("seconds", took)])?;
        bare.push(took);
        env.fresh_copy(SEEDED).await?;
        // With default settings, ostrakon makes the server reload each account.
        env.ostrakon.connect(&env.postgres.url(COPY), None);
        let one = measure::inline(env, &["user", "confirm_all"]).await?;
        env.recorder.note(("confirm_all", "ostrakon"), users, round, &one.named())?;
        seconds.push(one);
    }
    let of =
        |figure: fn(&measure::Measured) -> f64| seconds.iter().map(figure).collect::<Figures>();
    let (time, longest) = (of(|one| one.seconds), of(|one| one.longest_ms));
    show("");
    show(format!(
        "confirm_all of {} users: {}, longest batch {:.0} ms, {}",
        thousands(users),
        time.spread(2, " s"),
        longest.largest(),
        of(|one| one.memory_mib).spread(1, " MiB")
    ));
    show(format!(
        "One bare UPDATE of their rows, with their indexes and nothing else: {}",
        Figures::from_iter(bare).spread(2, " s")
    ));
    // 10 s for 100,000 users.
    let at_most = size(users) * 10.0 / 100_000.0;
    env.judge.at_most(
        format!("confirm_all of {} users", thousands(users)),
        time.median(),
        at_most,
        " s",
    );
    Ok(())
}

/// Confirms the accounts by one statement on the copy; returns the seconds that it takes.
async fn bare_update(env: &BenchEnv) -> Result<f64> {
    let mut db = env.connect(COPY).await?;
    let begun = Instant::now();
    sqlx::raw_sql(
        "update users set is_confirmed = true, confirmation_token = null, updated_at = now()
         where local and not is_confirmed",
    )
    .execute(&mut db)
    .await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Lists the local accounts: first 10,000 of them (or a tenth, if that is fewer), then all.
pub(super) async fn list(env: &mut BenchEnv, users: i32) -> Result<()> {
    env.seed(SEEDED, COMMUNITY, "").await?;
    let mut rows = Vec::new();
    let mut peaks = Vec::new();
    let mut there = 0;
    for until in [SHORT_LIST.min(i64::from(users) / 10), i64::from(users)] {
        add(env, SEEDED, (there, until), true).await?;
        there = until;
        let (mut seconds, mut memory) = (Vec::new(), Vec::new());
        for round in 1..=env.rounds {
            env.settle().await?;
            let (took, peak, lines) = list_once(env).await?;
            let figures = [("seconds", took), ("memory_mib", peak), ("lines", size(lines))];
            env.recorder.note(("list", "ostrakon"), until, round, &figures)?;
            if lines < until {
                bail!("{lines} lines for {until} accounts");
            }
            seconds.push(took);
            memory.push(peak);
        }
        let (seconds, memory) = (Figures::from_iter(seconds), Figures::from_iter(memory));
        rows.push(vec![thousands(until), seconds.spread(2, " s"), memory.spread(1, " MiB")]);
        peaks.push(memory);
    }
    show("");
    show("ostrakon user list:");
    show_table(&["USERS", "TIME", "MEMORY"], &rows);
    if let [short, long] = &peaks[..] {
        let more = long.largest() - short.median();
        env.judge.at_most("list: memory more than for the shorter one", more, MORE_MIB, " MiB");
    }
    Ok(())
}

/// Reads the list to its end; returns seconds, memory and lines.
async fn list_once(env: &BenchEnv) -> Result<(f64, f64, i64)> {
    let mut command = env.ostrakon.async_command(&["user", "list"]);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let begun = Instant::now();
    let mut process = command.spawn()?;
    let output = process.stdout.take().context("no standard output")?;
    let mut listed = BufReader::new(output).lines();
    let (mut lines, mut peak) = (0, 0.0);
    while listed.next_line().await?.is_some() {
        lines += 1;
        // The process cannot get further ahead than a pipe holds, so the last sample is near its
        // end.
        if lines % LINES_PER_LOOK == 0
            && let Some(mib) = process.id().and_then(peak_memory_mib)
        {
            peak = mib;
        }
    }
    let status = process.wait().await?;
    if !status.success() {
        bail!("ostrakon user list failed ({status})");
    }
    Ok((begun.elapsed().as_secs_f64(), peak, lines))
}

/// Converts a number of things for calculations.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(super) const fn size(number: i64) -> f64 {
    number as f64
}

//! Two accounts simultaneously, or one after the other: which is faster, and what the batches wait
//! for.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sqlx::PgConnection;
use testkit::{
    Community,
    console::{say, show, show_table, thousands},
};
use tokio::process::Child;
use tokio::time::{MissedTickBehavior, interval};

use super::accounts::size;
use super::env::{BenchEnv, COPY, SEEDED};
use super::figures::Figures;
use super::measure::now;

/// Interval between samples of what the processes wait for.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

const ACCOUNTS: [&str; 2] = [Community::PROLIFIC, Community::SECOND];

/// Samples of the batches in progress.
#[derive(Debug, Default)]
struct Seen {
    looks: i64,
    /// Number of samples by wait and statement.
    waits: BTreeMap<(String, String), i64>,
    deadlocks: i64,
}

/// Number of kinds of waits to show, the most frequent ones.
const SHOWN: usize = 8;

/// Deletes the posts of two local accounts, both ways.
pub(super) async fn run(env: &mut BenchEnv, posts: i32) -> Result<()> {
    let community = Community { posts: posts.saturating_mul(2), ..env.community() };
    env.seed_among(SEEDED, community, 2, "").await?;
    let (mut serial, mut parallel) = (Vec::new(), Vec::new());
    let (mut seen_serial, mut seen_parallel) = (Seen::default(), Seen::default());
    for round in 1..=env.rounds {
        for at_once in [round.is_multiple_of(2), !round.is_multiple_of(2)] {
            env.fresh_copy(SEEDED).await?;
            let (who, times, seen) = if at_once {
                ("at once", &mut parallel, &mut seen_parallel)
            } else {
                ("one after the other", &mut serial, &mut seen_serial)
            };
            let seconds = if at_once {
                work(env, &ACCOUNTS, seen).await?
            } else {
                work(env, &ACCOUNTS[..1], seen).await? + work(env, &ACCOUNTS[1..], seen).await?
            };
            seen.count_deadlocks(&mut env.connect(COPY).await?).await?;
            env.recorder.note(("two", who), posts.into(), round, &[("seconds", seconds)])?;
            times.push(seconds);
        }
        say(format!("xtask: round {round} of {} is done", env.rounds));
    }
    for (who, seen) in [("one after the other", &seen_serial), ("at once", &seen_parallel)] {
        env.recorder.note(("two", who), posts.into(), 0, &seen.named())?;
    }
    let (serial, parallel) = (Figures::from_iter(serial), Figures::from_iter(parallel));
    show("");
    show(format!("Two accounts with {} posts each, by two processes:", thousands(posts.into())));
    show_table(
        &["", "TIME", "WAITS FOR A LOCK", "DEADLOCKS"],
        &[seen_serial.row("one after the other", &serial), seen_parallel.row("at once", &parallel)],
    );
    show("At once, of all looks at a batch under way:");
    show_table(&["WAITS FOR: STATEMENT", "PART"], &seen_parallel.most());
    show(format!(
        "At once takes {:.2} times as long as one after the other.",
        parallel.median() / serial.median()
    ));
    Ok(())
}

/// Deletes each account's posts in a separate process; returns the seconds until the last one ends.
async fn work(env: &BenchEnv, accounts: &[&str], seen: &mut Seen) -> Result<f64> {
    let mut db = env.connect(COPY).await?;
    let begun = now()?;
    let mut processes = Vec::new();
    for account in accounts {
        let words = ["user", "delete_activities", account, "--inline", "--yes", "--json"];
        let mut command = env.ostrakon.async_command(&words);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        processes.push(command.spawn().context("ostrakon cannot be started")?);
    }
    let mut lookups = interval(POLL_INTERVAL);
    lookups.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !all_ended(&mut processes)? {
        lookups.tick().await;
        seen.lookup(&mut db).await?;
    }
    let seconds = now()? - begun;
    for process in processes {
        let output = process.wait_with_output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            bail!("ostrakon failed ({}): {said}", output.status);
        }
    }
    Ok(seconds)
}

fn all_ended(processes: &mut [Child]) -> Result<bool> {
    let mut all = true;
    for process in processes {
        all &= process.try_wait()?.is_some();
    }
    Ok(all)
}

impl Seen {
    /// Samples what each batch waits for. The first session that waits for a row holds a tuple
    /// lock, which names the table.
    async fn lookup(&mut self, db: &mut PgConnection) -> Result<()> {
        let batches: Vec<(Option<String>, String)> = sqlx::query_as(
            "select case when wait_event_type in ('Lock', 'IO', 'LWLock', 'IPC') then
                        concat_ws(' ', wait_event_type, wait_event, (
                            select 'of ' || min(l.relation::regclass::text) from pg_locks l
                            where l.pid = a.pid and l.locktype = 'tuple')) end,
                    left(ltrim(regexp_replace(query, '(--[^\\n]*\\n|\\s)+', ' ', 'g')), 60)
             from pg_stat_activity a
             where datname = current_database() and application_name like 'ostrakon:%'
               and xact_start is not null",
        )
        .fetch_all(db)
        .await?;
        for (wait, statement) in batches {
            self.looks += 1;
            if let Some(wait) = wait {
                *self.waits.entry((wait, statement)).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Adds the deadlocks on the copy, after its processes have ended.
    async fn count_deadlocks(&mut self, db: &mut PgConnection) -> Result<()> {
        let deadlocks: i64 = sqlx::query_scalar(
            "select deadlocks from pg_stat_database where datname = current_database()",
        )
        .fetch_one(db)
        .await?;
        self.deadlocks += deadlocks;
        Ok(())
    }

    fn part(&self, number: i64) -> f64 {
        if self.looks == 0 { 0.0 } else { size(number) / size(self.looks) }
    }

    /// Returns the share of samples that waited for a lock whose description contains `what`.
    fn locks(&self, what: &str) -> f64 {
        let waits = self
            .waits
            .iter()
            .filter(|((wait, _), _)| wait.starts_with("Lock") && wait.contains(what));
        self.part(waits.map(|(_, number)| number).sum())
    }

    fn named(&self) -> [(&'static str, f64); 4] {
        [
            ("looks", size(self.looks)),
            ("lock_waits", self.locks("")),
            ("counter_waits", self.locks("counter_cache")),
            ("deadlocks", size(self.deadlocks)),
        ]
    }

    fn row(&self, name: &str, seconds: &Figures) -> Vec<String> {
        vec![
            name.to_owned(),
            seconds.spread(2, " s"),
            format!("{:.0} %", self.locks("") * 100.0),
            self.deadlocks.to_string(),
        ]
    }

    fn most(&self) -> Vec<Vec<String>> {
        let mut waits: Vec<_> = self.waits.iter().collect();
        waits.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
        let row = |((wait, statement), number): (&(String, String), &i64)| {
            vec![format!("{wait}: {statement}"), format!("{:.1} %", self.part(*number) * 100.0)]
        };
        waits.into_iter().take(SHOWN).map(row).collect()
    }
}

//! `prune objects` compared with what the original does: one DELETE without a time limit.

use std::time::Instant;

use anyhow::Result;
use testkit::console::{say, show, show_table, thousands};

use super::env::{BenchEnv, COPY, SEEDED};
use super::figures::Figures;
use super::measure::{self, Measured, wal_mib};
use super::state::{State, require_agreement};

/// Maximum duration and maximum WAL of ostrakon, as multiples of the original's.
const FACTOR: f64 = 1.0;
const WAL_FACTOR: f64 = 1.1;

/// Maximum milliseconds of a batch. The target is 200 ms.
const BATCH_MS: f64 = 500.0;

const WORDS: [&str; 2] = ["prune", "objects"];

/// What the original does, one statement after the other; each waits for nobody and stops for nobody.
const ORIGINAL: [&str; 3] = [
    "delete from objects
     where updated_at < now() at time zone 'UTC' - interval '90 days'
       and split_part(data ->> 'actor', '/', 3) <> 'social.example'",
    "delete from bookmarks where id in (
         select b.id from bookmarks b
         left join activities a on b.activity_id = a.id
         left join objects o on a.data ->> 'object' = o.data ->> 'id'
         where o.id is null)",
    "delete from hashtags h
     where not exists (select from hashtags_objects used where used.hashtag_id = h.id)",
];

/// Measures both; they alternate in going first.
pub(super) async fn run(env: &mut BenchEnv, objects: i32) -> Result<()> {
    env.seed(SEEDED, env.community(), "").await?;
    let mut db = env.connect(SEEDED).await?;
    sqlx::query(include_str!("add_old_objects.sql")).bind(objects).execute(&mut db).await?;
    sqlx::raw_sql("vacuum analyze").execute(&mut db).await?;
    drop(db);
    let (mut originals, mut ostrakons) = (Vec::new(), Vec::new());
    for round in 1..=env.rounds {
        let mut states = Vec::new();
        let original_first = !round.is_multiple_of(2);
        for is_original in [original_first, !original_first] {
            env.fresh_copy(SEEDED).await?;
            let (one, who, of) = if is_original {
                (original(env).await?, "original", &mut originals)
            } else {
                (measure::inline(env, &WORDS).await?, "ostrakon", &mut ostrakons)
            };
            env.recorder.note(("prune_objects", who), objects.into(), round, &one.named())?;
            of.push(one);
            if round == 1 {
                states.push(State::read(env).await?);
            }
        }
        if let [one, other] = states.as_slice() {
            require_agreement(one, other)?;
        }
        say(format!("xtask: round {round} of {} is done", env.rounds));
    }
    judge(env, objects, &originals, &ostrakons);
    Ok(())
}

/// Does what the original does.
async fn original(env: &BenchEnv) -> Result<Measured> {
    let mut db = env.connect(COPY).await?;
    let wal_before = wal_mib(&mut db).await?;
    let (begun, mut longest_ms, mut statements) = (Instant::now(), 0.0_f64, 0.0);
    for statement in ORIGINAL {
        let begun = Instant::now();
        sqlx::query(statement).execute(&mut db).await?;
        longest_ms = longest_ms.max(begun.elapsed().as_secs_f64() * 1000.0);
        statements += 1.0;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let wal_mib = wal_mib(&mut db).await? - wal_before;
    Ok(Measured { seconds, statements, longest_ms, memory_mib: 0.0, wal_mib })
}

fn judge(env: &mut BenchEnv, objects: i32, originals: &[Measured], ostrakons: &[Measured]) {
    let figures = |measured: &[Measured], of: fn(&Measured) -> f64| {
        measured.iter().map(of).collect::<Figures>()
    };
    let row = |who: &str, measured: &[Measured]| {
        vec![
            who.to_owned(),
            figures(measured, |one| one.seconds).spread(2, " s"),
            format!("{:.0} MiB", figures(measured, |one| one.wal_mib).median()),
            format!("{:.0} ms", figures(measured, |one| one.longest_ms).largest()),
            format!("{:.1} MiB", figures(measured, |one| one.memory_mib).largest()),
        ]
    };
    show("");
    show(format!("{} old objects, medians (smallest to largest):", thousands(objects.into())));
    show_table(
        &["", "TIME", "WAL", "LONGEST TRANSACTION", "MEMORY"],
        &[row("original", originals), row("ostrakon", ostrakons)],
    );
    let times = |of: fn(&Measured) -> f64| {
        figures(ostrakons, of).median() / figures(originals, of).median()
    };
    env.judge.at_most("prune_objects: times the original", times(|one| one.seconds), FACTOR, "");
    env.judge.at_most("prune_objects: times its WAL", times(|one| one.wal_mib), WAL_FACTOR, "");
    let longest = figures(ostrakons, |one| one.longest_ms).largest();
    env.judge.at_most("prune_objects: longest batch", longest, BATCH_MS, " ms");
}

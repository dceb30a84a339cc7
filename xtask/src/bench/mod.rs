//! `cargo xtask bench`: kenoma beside a bare set-based procedure with the same end state.

mod commands;
mod kind;
mod live;
mod measure;

use std::process::ExitCode;

use anyhow::{Result, bail};
use sqlx::{Connection as _, PgConnection};
use testkit::{Postgres, PostgresOptions};

use crate::console::{say, show, show_table};
use crate::kenoma::Kenoma;
use crate::program::interrupted;
use crate::{provision, stage};
use kind::Kind;
use measure::{Measured, State};

/// What can be typed.
#[derive(Debug, clap::Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum Options {
    /// Deleting everything of an account.
    DeleteActivities {
        /// Posts of the account; there are half as many activities of others about them.
        #[arg(long, value_name = "N", default_value_t = 20_000,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        posts: i32,
        /// How often each of the two is measured; the best counts.
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
        rounds: u32,
    },
    /// Deactivating all accounts of a host.
    DeactivateInstance {
        /// Accounts of the host.
        #[arg(long, value_name = "N", default_value_t = 10_000,
              value_parser = clap::value_parser!(i32).range(100..=500_000))]
        accounts: i32,
        /// How often each of the two is measured; the best counts.
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
        rounds: u32,
    },
    /// The commands that act at once.
    Commands {
        /// How often each of them is run; the median counts.
        #[arg(long, value_name = "N", default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        rounds: u32,
    },
    /// What a running server feels while an account's posts are deleted.
    Live(live::Options),
}

/// The seeded database that each measurement copies, and the copy that is worked on.
const SEEDED: &str = "seeded";
const COPY: &str = "copy";

/// Measures both and shows the comparison.
pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let measured = async {
        match *options {
            Options::Live(ref options) => live::run(options).await,
            Options::DeleteActivities { posts, rounds } => {
                bench(Kind::DeleteActivities { posts }, rounds).await
            }
            Options::DeactivateInstance { accounts, rounds } => {
                bench(Kind::DeactivateInstance { accounts }, rounds).await
            }
            Options::Commands { rounds } => commands::run(rounds).await,
        }
    };
    tokio::select! {
        done = measured => done?,
        end = interrupted() => bail!("{}; the servers were stopped and removed", end?),
    }
    Ok(ExitCode::SUCCESS)
}

async fn bench(kind: Kind, rounds: u32) -> Result<()> {
    provision::run()?;
    let mut kenoma = Kenoma::build().await?;
    let postgres = start_server()?;
    say(format!("xtask: seeding {} …", kind.describe()));
    seed(&postgres, kind).await?;
    kenoma.connect(postgres.url(SEEDED), None);
    kenoma.perform(&["migrate"]).await?;
    kenoma.connect(postgres.url(COPY), None);

    let (mut floors, mut kenomas) = (Vec::new(), Vec::new());
    let mut states: Vec<(&str, State)> = Vec::new();
    for round in 1..=rounds {
        fresh_copy(&postgres).await?;
        floors.push(measure::floor(&postgres, COPY, kind).await?);
        states.push(("the floor", measure::state(&postgres, COPY).await?));
        fresh_copy(&postgres).await?;
        kenomas.push(measure::kenoma(&postgres, COPY, &kenoma, kind).await?);
        states.push(("kenoma", measure::state(&postgres, COPY).await?));
        say(format!("xtask: round {round} of {rounds} is done"));
    }
    show_result(kind, &floors, &kenomas);
    require_agreement(&states)
}

/// A server as in production, as far as durability goes, that counts statements.
fn start_server() -> Result<Postgres> {
    let settings = [
        ("shared_preload_libraries", "pg_stat_statements"),
        ("shared_buffers", "512MB"),
        // No checkpoint of its own in the middle of a measurement.
        ("max_wal_size", "16GB"),
        ("checkpoint_timeout", "1h"),
    ];
    let extra = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Postgres::start_with(PostgresOptions { durable: true, extra })
}

async fn seed(postgres: &Postgres, kind: Kind) -> Result<()> {
    stage::create_database(postgres, SEEDED).await?;
    let mut db = PgConnection::connect(&postgres.url(SEEDED)).await?;
    kind.community().seed(&mut db).await?;
    sqlx::raw_sql(kind.floor()).execute(&mut db).await?;
    db.close().await?;
    let mut admin = PgConnection::connect(&postgres.url("postgres")).await?;
    sqlx::raw_sql("create extension pg_stat_statements").execute(&mut admin).await?;
    Ok(admin.close().await?)
}

/// Copies the seeded database, with everything on disk before the clock runs.
async fn fresh_copy(postgres: &Postgres) -> Result<()> {
    stage::copy_database(postgres, SEEDED, COPY).await?;
    let mut db = PgConnection::connect(&postgres.url(COPY)).await?;
    sqlx::raw_sql("checkpoint").execute(&mut db).await?;
    Ok(db.close().await?)
}

fn show_result(kind: Kind, floors: &[Measured], kenomas: &[Measured]) {
    let best = |measured: &[Measured]| {
        measured.iter().map(|one| one.seconds).fold(f64::INFINITY, f64::min)
    };
    let rows: Vec<Vec<String>> = floors
        .iter()
        .map(|one| ("floor", one))
        .chain(kenomas.iter().map(|one| ("kenoma", one)))
        .map(|(name, one)| row(name, one, kind))
        .collect();
    show("");
    show(format!("{} in batches, PostgreSQL with fsync:", kind.describe()));
    let unit = kind.unit().to_uppercase();
    show_table(
        &[
            "",
            "TIME",
            &format!("MS PER {unit}"),
            &format!("STATEMENTS PER {unit}"),
            "LONGEST BATCH",
            "MEMORY",
        ],
        &rows,
    );
    let (floor, kenoma) = (best(floors), best(kenomas));
    show(format!(
        "Best of each: kenoma {:.3} ms per {unit}, floor {:.3} ms; kenoma takes {:.2} times the floor.",
        kenoma * 1000.0 / kind.items(),
        floor * 1000.0 / kind.items(),
        kenoma / floor,
        unit = kind.unit()
    ));
}

fn row(name: &str, one: &Measured, kind: Kind) -> Vec<String> {
    vec![
        name.to_owned(),
        format!("{:.2} s", one.seconds),
        format!("{:.3}", one.seconds * 1000.0 / kind.items()),
        format!("{:.3}", one.statements / kind.items()),
        format!("{:.0} ms", one.longest_ms),
        one.memory_kib.map_or_else(String::new, |kib| format!("{:.1} MiB", kib / 1024.0)),
    ]
}

/// A comparison of two that do different things says nothing.
fn require_agreement(states: &[(&str, State)]) -> Result<()> {
    let Some(((_, first), rest)) = states.split_first() else { return Ok(()) };
    for (name, state) in rest {
        if let Some(table) = first.first_difference(state) {
            bail!("the end states of the floor and of {name} differ: {table}");
        }
    }
    show(format!("All {} end states agree: {}.", states.len(), first.describe()));
    Ok(())
}

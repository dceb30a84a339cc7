//! Every job alongside a server that continues to work on the very rows that the job changes.
//!
//! There are no other faults. Afterwards everything is recounted, and none of the server's
//! transactions may have been lost.

mod judge;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum as _;
use sqlx::{Connection as _, PgConnection};
use testkit::{
    Community, Ostrakon, Outcomes, Postgres, StandIn, build,
    console::{say, show},
    named_database, put_together,
};
use tokio::time::timeout;

use judge::{Broken, count, judge};

const SEEDED: &str = "beside_seeded";
const COPY: &str = "beside";

/// Role of ostrakon, with minimal rights.
const ROLE: &str = "ostrakon";

/// Small, so that all sessions meet on the same rows.
const COMMUNITY: Community = Community {
    posts: 1_000,
    local_accounts: 60,
    other_accounts: 200,
    spam_accounts: 300,
    spam_follows: 3,
};

/// Load of the server: about 130 transactions per second.
const CLIENTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(60);

/// Duration of the server's work in a short round.
const SHORT: Duration = Duration::from_secs(4);

/// Time limit for one command.
const STUCK: Duration = Duration::from_mins(5);

/// A job that runs alongside the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Job {
    /// For the account that all clients reply to.
    DeleteActivities,
    /// For the same account.
    Rm,
    /// For a host whose accounts have follow relations in both directions.
    DeactivateInstance,
    /// All accounts, unconfirmed and confirmed alternately.
    ConfirmAll,
    /// The same account, deactivated and activated alternately.
    Deactivate,
    /// All local accounts, with wrong counters at the beginning.
    RepairCounters,
}

impl Job {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Arguments after `ostrakon`, one command after the other.
    fn commands(self) -> Vec<Vec<&'static str>> {
        let account = Community::PROLIFIC;
        match self {
            Self::DeleteActivities => vec![vec!["user", "delete_activities", account]],
            Self::Rm => vec![vec!["user", "rm", account]],
            Self::DeactivateInstance => {
                // Many people here follow somebody there.
                let host = Community::SPAM_HOST;
                vec![vec!["user", "deactivate_all_from_instance", host, "--override", "spam"]]
            }
            Self::ConfirmAll => in_turns(["user", "unconfirm_all"], ["user", "confirm_all"], 4),
            Self::Deactivate => {
                in_turns(["user", "deactivate", account], ["user", "activate", account], 6)
            }
            Self::RepairCounters => vec![vec!["repair", "counters"]; 6],
        }
    }
}

/// Makes the counters of all active local accounts wrong, for the job that repairs them.
const WRONG_COUNTERS: &str = "update users set note_count = note_count + 7, follower_count = 0, following_count = 99 where local;
    update counter_cache set public = public + 5, unlisted = 0, direct = direct + 1";

fn in_turns<const WORDS: usize>(
    one: [&'static str; WORDS],
    other: [&'static str; WORDS],
    times: usize,
) -> Vec<Vec<&'static str>> {
    [one, other].repeat(times).iter().map(|words| words.to_vec()).collect()
}

/// Duration, seed and jobs.
pub(super) struct Beside<'a> {
    pub(super) jobs: &'a [Job],
    /// Duration for each job; a round in progress is finished. `None` means one round of each, in
    /// which the server stops after some seconds.
    pub(super) span: Option<Duration>,
    pub(super) seed: u64,
}

/// Results of one job.
#[derive(Debug, Default)]
struct Seen {
    rounds: u32,
    server: Outcomes,
    violations: Vec<String>,
}

/// Runs each job alongside the server. Returns the violations.
pub(super) async fn play(beside: &Beside<'_>) -> Result<Vec<String>> {
    let jobs = if beside.jobs.is_empty() { Job::value_variants() } else { beside.jobs };
    let mut ostrakon = build::for_chaos().await?;
    let postgres = Postgres::start_durable()?;
    let before = seed(&postgres, &mut ostrakon).await?;
    let mut violations = Vec::new();
    show(format!("{:>22}  rounds  committed  too late  lost  longest  wrong", "beside a server"));
    for job in jobs {
        let seen = rounds(beside, &postgres, &mut ostrakon, &before, *job).await?;
        let Seen { rounds, server, violations: wrong } = seen;
        show(format!(
            "{:>22}  {rounds:>6}  {:>9}  {:>8}  {:>4}  {:>4} ms  {:>5}",
            job.name(),
            server.committed(),
            server.gone,
            server.lost.len(),
            server.longest().as_millis(),
            wrong.len(),
        ));
        violations.extend(wrong);
    }
    Ok(violations)
}

/// Creates the community, with ostrakon's schema and its role. Returns the violations that exist
/// before any job.
async fn seed(postgres: &Postgres, ostrakon: &mut Ostrakon) -> Result<Broken> {
    named_database::create_database(postgres, SEEDED).await?;
    let mut db = PgConnection::connect(&postgres.url(SEEDED)).await?;
    COMMUNITY.seed(&mut db).await?;
    sqlx::raw_sql("create role ostrakon login").execute(&mut db).await?;
    ostrakon.connect(&postgres.url(SEEDED), None);
    ostrakon.answer_quietly(&["migrate", "--quiet"]).await?;
    let grants = ostrakon.answer_quietly(&["migrate", "--print-grants"]).await?;
    sqlx::raw_sql(put_together(grants)).execute(&mut db).await?;
    let before = count(&mut db).await?;
    db.close().await?;
    Ok(before)
}

async fn rounds(
    beside: &Beside<'_>,
    postgres: &Postgres,
    ostrakon: &mut Ostrakon,
    before: &Broken,
    job: Job,
) -> Result<Seen> {
    let ends = Instant::now() + beside.span.unwrap_or_default();
    let mut seen = Seen::default();
    while seen.rounds == 0 || Instant::now() < ends {
        seen.rounds += 1;
        named_database::copy_database(postgres, SEEDED, COPY).await?;
        ostrakon.connect(&postgres.url_as(ROLE, "", COPY), None);
        // Otherwise ostrakon would rest most of the time, and meet few transactions.
        ostrakon.set("OSTRAKON_BATCH_PERCENT_BUSY", "100");
        if job == Job::RepairCounters {
            let mut db = PgConnection::connect(&postgres.url(COPY)).await?;
            sqlx::raw_sql(WRONG_COUNTERS).execute(&mut db).await?;
            db.close().await?;
        }
        let stand_in = StandIn {
            clients: CLIENTS,
            pause: PAUSE,
            seed: beside.seed.wrapping_add(seen.rounds.into()),
            account: Community::PROLIFIC.to_owned(),
        };
        let server = stand_in.start(&postgres.url(COPY)).await?;
        if beside.span.is_none() {
            server.end_after(SHORT);
        }
        let mut wrong = Vec::new();
        for command in job.commands() {
            wrong.extend(perform(ostrakon, &command).await?);
        }
        let outcomes = server.finish().await?;
        wrong.extend(
            outcomes.lost.iter().map(|lost| format!("the server lost a transaction: {lost}")),
        );
        let mut db = PgConnection::connect(&postgres.url(COPY)).await?;
        wrong.extend(judge(before, &count(&mut db).await?));
        db.close().await?;
        for violation in wrong {
            let violation =
                format!("beside a server, {} (round {}): {violation}", job.name(), seen.rounds);
            say(format!("chaos: VIOLATION: {violation}"));
            seen.violations.push(violation);
        }
        seen.server.add(outcomes);
    }
    Ok(seen)
}

/// Runs a command of ostrakon inline. Returns how it failed, if it did.
async fn perform(ostrakon: &Ostrakon, words: &[&str]) -> Result<Option<String>> {
    let mut arguments = words.to_vec();
    arguments.extend(["--inline", "--yes", "--quiet"]);
    let mut command = ostrakon.async_command(&arguments);
    let Ok(output) = timeout(STUCK, command.output()).await else {
        bail!("`ostrakon {}` has not ended within {STUCK:?}", arguments.join(" "));
    };
    let output = output?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then(|| {
        format!("`ostrakon {}` ended with {}: {}", arguments.join(" "), output.status, said.trim())
    }))
}

//! Every job beside a server that goes on working at the very rows that the job changes.
//!
//! Nothing else goes wrong here. Afterwards everything is counted anew, and none of the server's
//! transactions may have been lost.

mod judge;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum as _;
use sqlx::{Connection as _, PgConnection};
use testkit::{Community, Outcomes, Postgres, StandIn, put_together};
use tokio::time::timeout;

use crate::console::{say, show};
use crate::ostrakon::Ostrakon;
use crate::stage;
use judge::{Broken, count, judge};

const SEEDED: &str = "beside_seeded";
const COPY: &str = "beside";

/// The role that ostrakon has, with the least rights.
const ROLE: &str = "ostrakon";

/// Small, so that everybody meets at the same rows.
const COMMUNITY: Community = Community {
    posts: 1_000,
    local_accounts: 60,
    other_accounts: 200,
    spam_accounts: 300,
    spam_follows: 3,
};

/// How busy the server is: about 130 transactions a second.
const CLIENTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(60);

/// How long the server works in a short round.
const SHORT: Duration = Duration::from_secs(4);

/// How long one command may take.
const STUCK: Duration = Duration::from_mins(5);

/// What is done beside the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Job {
    /// Of the account that everybody answers.
    DeleteActivities,
    /// Of the same account.
    Rm,
    /// Of a host whose accounts follow, and are followed.
    DeactivateInstance,
    /// All accounts, one way and the other.
    ConfirmAll,
    /// The same account again and again, one way and the other.
    Deactivate,
}

impl Job {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What is typed behind `ostrakon user`, one after the other.
    fn commands(self) -> Vec<Vec<&'static str>> {
        let account = Community::PROLIFIC;
        match self {
            Self::DeleteActivities => vec![vec!["delete_activities", account]],
            Self::Rm => vec![vec!["rm", account]],
            Self::DeactivateInstance => {
                vec![vec!["deactivate_all_from_instance", Community::SPAM_HOST]]
            }
            Self::ConfirmAll => in_turns(["unconfirm_all"], ["confirm_all"], 4),
            Self::Deactivate => in_turns(["deactivate", account], ["activate", account], 6),
        }
    }
}

fn in_turns<const WORDS: usize>(
    one: [&'static str; WORDS],
    other: [&'static str; WORDS],
    times: usize,
) -> Vec<Vec<&'static str>> {
    [one, other].repeat(times).iter().map(|words| words.to_vec()).collect()
}

/// How long, how, and what.
pub(super) struct Beside<'a> {
    pub(super) jobs: &'a [Job],
    /// For each job; the round under way is finished. Without it there is one round of each, and the
    /// server rests after some seconds.
    pub(super) span: Option<Duration>,
    pub(super) seed: u64,
}

/// What was seen of a job.
#[derive(Debug, Default)]
struct Seen {
    rounds: u32,
    server: Outcomes,
    violations: Vec<String>,
}

/// Does each job beside the server. Returns what was wrong.
pub(super) async fn play(beside: &Beside<'_>) -> Result<Vec<String>> {
    let jobs = if beside.jobs.is_empty() { Job::value_variants() } else { beside.jobs };
    let mut ostrakon = Ostrakon::build_for_chaos().await?;
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

/// Makes the community, with ostrakon's schema and its role; gives what is counted wrong in it anyway.
async fn seed(postgres: &Postgres, ostrakon: &mut Ostrakon) -> Result<Broken> {
    stage::create_database(postgres, SEEDED).await?;
    let mut db = PgConnection::connect(&postgres.url(SEEDED)).await?;
    COMMUNITY.seed(&mut db).await?;
    sqlx::raw_sql("create role ostrakon login").execute(&mut db).await?;
    ostrakon.connect(postgres.url(SEEDED), None);
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
        stage::copy_database(postgres, SEEDED, COPY).await?;
        ostrakon.connect(postgres.url_as(ROLE, "", COPY), None);
        // Otherwise it would rest for most of the time, and meet few.
        ostrakon.set("OSTRAKON_BATCH_PERCENT_BUSY", "100");
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

/// Has ostrakon do something here and now; says what was wrong with how it ended.
async fn perform(ostrakon: &Ostrakon, words: &[&str]) -> Result<Option<String>> {
    let mut arguments = vec!["user"];
    arguments.extend(words);
    arguments.extend(["--inline", "--yes", "--quiet"]);
    let mut command = ostrakon.command(&arguments);
    let Ok(output) = timeout(STUCK, command.output()).await else {
        bail!("`ostrakon {}` has not ended within {STUCK:?}", arguments.join(" "));
    };
    let output = output?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then(|| {
        format!("`ostrakon {}` ended with {}: {}", arguments.join(" "), output.status, said.trim())
    }))
}

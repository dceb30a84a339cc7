//! ostrakon compared with a bare set-based procedure that has the same end state.

use anyhow::Result;
use testkit::console::{say, show, show_table};

use super::env::BenchEnv;
use super::figures::Figures;
use super::kind::Kind;
use super::measure::{self, Measured};
use super::state::{State, require_agreement};

/// Maximum duration and maximum WAL of ostrakon, as multiples of the floor's.
const FLOOR_FACTOR: f64 = 1.15;
const WAL_FACTOR: f64 = 1.1;

/// Maximum seconds for 100,000 posts, and for 10,000 accounts of a host that sends spam.
const POSTS_SECONDS: f64 = 60.0;
const ACCOUNTS_SECONDS: f64 = 5.0;

/// Number of local accounts that each account of the host follows. First for a spam host, whose
/// accounts have no followers. Then for a host that local accounts have talked to for years: two of
/// them follow each of its accounts.
const SPAM: i32 = 1;
const TALKED_TO: i32 = 3;

/// Maximum cost of a post in the largest size, as a multiple of its cost in the smallest.
const GROWTH: f64 = 1.15;

/// Cost of a post in the original: milliseconds and statements. Measured for this project with the
/// running original on a 2-core machine like the project's, PostgreSQL 15, 5,000 posts on the real
/// schema (DESIGN, "Speed"). The original is not installed where this bench runs.
const ORIGINAL: (f64, f64) = (11.1, 21.4);

/// One size of the job, its seeded database, and the measurements of both sides in each round.
struct Size {
    kind: Kind,
    database: &'static str,
    floors: Vec<Measured>,
    ostrakons: Vec<Measured>,
}

/// Names of the seeded databases, one for each size.
const SEEDED: [&str; 4] = ["seeded_1", "seeded_2", "seeded_3", "seeded_4"];

/// Deletes everything of an account, at several sizes.
pub(super) async fn delete_activities(env: &mut BenchEnv, posts: &[i32]) -> Result<()> {
    let kinds = posts.iter().map(|&posts| Kind::DeleteActivities { posts });
    let sizes = measure_all(env, kinds.collect()).await?;
    for size in &sizes {
        let factor = size.ostrakon().median() / size.floor().median();
        let what = format!("{}: times the floor", size.kind.describe());
        env.judge.at_most(what, factor, FLOOR_FACTOR, "");
        let wal = |of: &[Measured]| figures(of, |one| one.wal_mib).median();
        let what = format!("{}: times the floor's WAL", size.kind.describe());
        env.judge.at_most(what, wal(&size.ostrakons) / wal(&size.floors), WAL_FACTOR, "");
        let at_most = size.kind.items() * POSTS_SECONDS / 100_000.0;
        env.judge.at_most(size.kind.describe(), size.ostrakon().median(), at_most, " s");
        let per_post_ms = size.ostrakon().median() * 1000.0 / size.kind.items();
        let statements = figures(&size.ostrakons, |one| one.statements).median();
        show(format!(
            "{}: the original's {} ms and {} statements per post are {:.0} and {:.0} times as many.",
            size.kind.describe(),
            ORIGINAL.0,
            ORIGINAL.1,
            ORIGINAL.0 / per_post_ms,
            ORIGINAL.1 * size.kind.items() / statements,
        ));
    }
    if let [smallest, .., largest] = &sizes[..] {
        let cost = |size: &Size| size.ostrakon().median() / size.kind.items();
        let what =
            format!("a post of {} beside one of {}", largest.kind.items(), smallest.kind.items());
        env.judge.at_most(what, cost(largest) / cost(smallest), GROWTH, "");
    }
    Ok(())
}

/// Deactivates the accounts of a host.
pub(super) async fn deactivate_instance(env: &mut BenchEnv, accounts: i32) -> Result<()> {
    let kinds = [SPAM, TALKED_TO].map(|follows| Kind::DeactivateInstance { accounts, follows });
    let sizes = measure_all(env, kinds.to_vec()).await?;
    for size in &sizes {
        let what = format!("{}: times the floor", size.kind.describe());
        let factor = size.ostrakon().median() / size.floor().median();
        env.judge.at_most(what, factor, FLOOR_FACTOR, "");
    }
    if let Some(size) = sizes.first() {
        let at_most = size.kind.items() * ACCOUNTS_SECONDS / 10_000.0;
        env.judge.at_most(size.kind.describe(), size.ostrakon().median(), at_most, " s");
    }
    Ok(())
}

/// Measures both sides at each size. Each round goes through all sizes, so that a machine that
/// becomes slower or faster affects all of them. The side that begins alternates from round to
/// round.
async fn measure_all(env: &mut BenchEnv, kinds: Vec<Kind>) -> Result<Vec<Size>> {
    let mut sizes = Vec::new();
    for (kind, database) in kinds.into_iter().zip(SEEDED) {
        env.seed(database, kind.community(env.community()), kind.floor()).await?;
        sizes.push(Size { kind, database, floors: Vec::new(), ostrakons: Vec::new() });
    }
    for round in 1..=env.rounds {
        for size in &mut sizes {
            let (floor, ostrakon) = size.measure(env, round).await?;
            if let Some((floor, ostrakon)) = floor.zip(ostrakon) {
                require_agreement(&floor, &ostrakon)?;
            }
        }
        say(format!("xtask: round {round} of {} is done", env.rounds));
    }
    for size in &sizes {
        size.show();
    }
    Ok(sizes)
}

impl Size {
    /// Measures both sides once. In the first round, also returns the states that they leave.
    async fn measure(
        &mut self,
        env: &mut BenchEnv,
        round: u32,
    ) -> Result<(Option<State>, Option<State>)> {
        let mut states = (None, None);
        let floor_first = !round.is_multiple_of(2);
        for is_floor in [floor_first, !floor_first] {
            env.fresh_copy(self.database).await?;
            let (one, who) = if is_floor {
                (measure::floor(env, self.kind).await?, "floor")
            } else {
                (measure::inline(env, self.kind.command()).await?, "ostrakon")
            };
            env.recorder.note((self.kind.name(), who), self.kind.size(), round, &one.named())?;
            let state = if round == 1 { Some(State::read(env).await?) } else { None };
            if is_floor {
                self.floors.push(one);
                states.0 = state;
            } else {
                self.ostrakons.push(one);
                states.1 = state;
            }
        }
        Ok(states)
    }

    /// Returns the seconds of the bare procedure.
    fn floor(&self) -> Figures {
        figures(&self.floors, |one| one.seconds)
    }

    /// Returns the seconds of ostrakon.
    fn ostrakon(&self) -> Figures {
        figures(&self.ostrakons, |one| one.seconds)
    }

    fn show(&self) {
        let Self { kind, floors, ostrakons, .. } = self;
        let (floor, ostrakon) = (self.floor(), self.ostrakon());
        show("");
        show(format!("{}, medians (smallest to largest) of {}:", kind.describe(), floors.len()));
        let unit = kind.unit().to_uppercase();
        let per_unit = format!("MS PER {unit}");
        let statements = format!("STATEMENTS PER {unit}");
        show_table(
            &["", "TIME", &per_unit, &statements, "WAL", "LONGEST BATCH", "MEMORY"],
            &[self.row("floor", floors), self.row("ostrakon", ostrakons)],
        );
        show(format!("ostrakon takes {:.2} times the floor.", ostrakon.median() / floor.median()));
    }

    fn row(&self, who: &str, measured: &[Measured]) -> Vec<String> {
        let items = self.kind.items();
        let seconds = figures(measured, |one| one.seconds);
        let memory = figures(measured, |one| one.memory_mib);
        vec![
            who.to_owned(),
            seconds.spread(2, " s"),
            format!("{:.3}", seconds.median() * 1000.0 / items),
            format!("{:.3}", figures(measured, |one| one.statements).median() / items),
            format!("{:.0} MiB", figures(measured, |one| one.wal_mib).median()),
            format!("{:.0} ms", figures(measured, |one| one.longest_ms).largest()),
            if who == "floor" { String::new() } else { memory.spread(1, " MiB") },
        ]
    }
}

fn figures(measured: &[Measured], of: fn(&Measured) -> f64) -> Figures {
    measured.iter().map(of).collect()
}

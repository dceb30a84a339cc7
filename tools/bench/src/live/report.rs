//! Results: as a table, as lines to record, and compared with the bounds.

use anyhow::Result;
use testkit::console::{show as line, show_table};

use super::super::figures::Judge;
use super::super::record::Recorder;
use super::Options;
use super::latency::{Quantiles, median};
use super::load::Kind;
use super::scenario::{ALONE, Deletion, SCENARIOS, Scenario};

/// Results of a scenario in one round.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) scenario: &'static Scenario,
    pub(super) of: [Of; 4],
    /// Duration of the deletion, over all copies.
    pub(super) seconds: f64,
    /// Number of posts that it deleted, over all copies.
    pub(super) posts: i64,
    /// Seconds during which the disk stalled.
    pub(super) stalled: f64,
    /// The stand-in's transactions on the very posts that were deleted: number lost, and number
    /// committed.
    pub(super) stand_in: (usize, u64),
}

/// Results for one kind of transaction.
#[derive(Debug)]
pub(super) struct Of {
    pub(super) kind: Kind,
    pub(super) quantiles: Quantiles,
}

impl Measured {
    fn of(&self, kind: Kind) -> Quantiles {
        self.of.iter().find(|of| of.kind == kind).map(|of| of.quantiles).unwrap_or_default()
    }

    /// Returns the deletion's milliseconds per post; `None` if nothing was committed.
    fn ms_per_post(&self) -> Option<f64> {
        // Far below 2^52: f64 represents it exactly.
        #[expect(clippy::cast_precision_loss, reason = "≤ 2^52")]
        let posts = self.posts as f64;
        (self.posts > 0).then(|| self.seconds * 1000.0 / posts)
    }

    /// Records the raw figures, one line for each kind of transaction.
    pub(super) fn record(&self, recorder: &Recorder, round: u32, options: &Options) -> Result<()> {
        for kind in Kind::ALL {
            let of = self.of(kind);
            // Far below 2^52: f64 represents them exactly.
            #[expect(clippy::cast_precision_loss, reason = "≤ 2^52")]
            let figures = [
                ("p50_ms", of.p50_ms),
                ("p95_ms", of.p95_ms),
                ("p99_ms", of.p99_ms),
                ("max_ms", of.max_ms),
                ("samples", of.samples as f64),
                ("left_out", of.left_out as f64),
                ("failed", of.failed as f64),
                ("rate", f64::from(options.rate)),
                ("clients", f64::from(options.clients)),
                ("seconds", self.seconds),
                ("deleted_posts", self.posts as f64),
                ("stalled_seconds", self.stalled),
                ("stand_in_lost", self.stand_in.0 as f64),
                ("stand_in_committed", self.stand_in.1 as f64),
            ];
            let settings: Vec<String> =
                options.env.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            let who = format!("{}{}: {}", self.scenario.name, settings.concat(), kind.describe());
            recorder.note(("live", &who), options.posts.into(), round, &figures)?;
        }
        Ok(())
    }
}

/// Medians over the rounds, and ratios to `alone` in the same round.
#[derive(Debug, Clone, Copy)]
struct Summary {
    of: Quantiles,
    p50_ratio: f64,
    p99_ratio: f64,
}

/// Summarises the rounds of a scenario; `None` if it was not measured.
fn summarise(all: &[Measured], name: &str, kind: Kind) -> Option<Summary> {
    let named = |name: &str| -> Vec<Quantiles> {
        all.iter().filter(|one| one.scenario.name == name).map(|one| one.of(kind)).collect()
    };
    let (rounds, alone) = (named(name), named(ALONE));
    let middle = |of: fn(&Quantiles) -> f64| median(rounds.iter().map(of).collect());
    let ratio = |of: fn(&Quantiles) -> f64| {
        median(rounds.iter().zip(&alone).map(|(one, alone)| of(one) / of(alone)).collect())
    };
    (!rounds.is_empty()).then(|| Summary {
        of: Quantiles {
            samples: rounds.iter().map(|one| one.samples).sum(),
            left_out: rounds.iter().map(|one| one.left_out).sum(),
            failed: rounds.iter().map(|one| one.failed).sum(),
            p50_ms: middle(|one| one.p50_ms),
            p95_ms: middle(|one| one.p95_ms),
            p99_ms: middle(|one| one.p99_ms),
            max_ms: rounds.iter().map(|one| one.max_ms).fold(0.0, f64::max),
        },
        p50_ratio: ratio(|one| one.p50_ms),
        p99_ratio: ratio(|one| one.p99_ms),
    })
}

/// Shows a table per kind of transaction, and the pace of the deletions.
pub(super) fn show(all: &[Measured], options: &Options) {
    line("");
    line(format!(
        "What {} new posts a second, as many likes and as many reads feel while {} posts of an account are deleted,",
        options.rate, options.posts
    ));
    line(
        "in milliseconds from when each was to start; PostgreSQL with fsync. Left out is what waited while the",
    );
    line("disk stood still:");
    for kind in Kind::ALL {
        line("");
        let mut header = vec!["", "p50", "p95", "p99", "MAX", "p50 / ALONE", "p99 / ALONE"];
        header.extend(["SAMPLES", "LEFT OUT", "FAILED", "DELETION, MS PER POST"]);
        line(format!("{}:", kind.describe()));
        let rows: Vec<_> =
            SCENARIOS.iter().filter_map(|scenario| row(all, scenario, kind)).collect();
        show_table(&header, &rows);
    }
}

fn row(all: &[Measured], scenario: &Scenario, kind: Kind) -> Option<Vec<String>> {
    let Summary { of, p50_ratio, p99_ratio } = summarise(all, scenario.name, kind)?;
    let paces = all.iter().filter(|one| one.scenario.name == scenario.name);
    let paces: Vec<f64> = paces.filter_map(Measured::ms_per_post).collect();
    let pace = match scenario.deletion {
        Deletion::None => String::new(),
        _ if paces.is_empty() => "cut off".to_owned(),
        _ => format!("{:.3}", median(paces)),
    };
    let mut cells = vec![scenario.name.to_owned()];
    cells.extend([of.p50_ms, of.p95_ms, of.p99_ms, of.max_ms].map(|ms| format!("{ms:.1}")));
    cells.extend([p50_ratio, p99_ratio].map(|ratio| format!("{ratio:.2}")));
    cells.extend([of.samples, of.left_out, of.failed].map(|count| count.to_string()));
    cells.push(pace);
    Some(cells)
}

/// Compares the results with the bounds, if there are any.
pub(super) fn judge(all: &[Measured], judge: &mut Judge) {
    for scenario in SCENARIOS {
        let Some(bounds) = scenario.bounds else { continue };
        for kind in Kind::ALL {
            let Some(summary) = summarise(all, scenario.name, kind) else { continue };
            let name = format!("{}, {}", scenario.name, kind.describe());
            judge.at_most(format!("{name}: p50 / alone"), summary.p50_ratio, bounds.median, "");
            judge.at_most(format!("{name}: p99 / alone"), summary.p99_ratio, bounds.p99, "");
            #[expect(clippy::cast_precision_loss, reason = "≤ 2^52")]
            judge.at_most(format!("{name}: failed"), summary.of.failed as f64, 0.0, "");
        }
        let rounds: Vec<_> = all.iter().filter(|one| one.scenario.name == scenario.name).collect();
        if rounds.is_empty() {
            continue;
        }
        let lost: usize = rounds.iter().map(|one| one.stand_in.0).sum();
        #[expect(clippy::cast_precision_loss, reason = "≤ 2^52")]
        judge.at_most(format!("{}, at the same posts: lost", scenario.name), lost as f64, 0.0, "");
        let paces: Vec<f64> = rounds.iter().filter_map(|one| one.ms_per_post()).collect();
        if let Some(at_most) = bounds.ms_per_post.filter(|_| !paces.is_empty()) {
            judge.at_most(format!("{}: a post", scenario.name), median(paces), at_most, " ms");
        }
    }
}

//! Injected faults, and their results.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ostrakon_engine::FailPoint;
use testkit::console::{show, show_table, thousands};

use super::fault::Fault;

/// Number of times that a fault was made, and that it hit a run being worked on.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count {
    pub(super) made: i64,
    pub(super) hit: i64,
}

/// Figures of a round, collected during fault injection.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) faults: BTreeMap<Fault, Count>,
    pub(super) places: BTreeMap<FailPoint, Count>,
    /// Connections that PostgreSQL ended for a fault.
    pub(super) backends: Count,
    /// Longest time from SIGTERM to the end of a worker.
    pub(super) longest_term: Duration,
    /// Maximum number of messages seen in Redis.
    pub(super) most_messages: i64,
    /// Peak memory of the worker that is never killed, in KiB: early and late in a round.
    pub(super) memory_kib: (i64, i64),
    pub(super) violations: Vec<String>,
}

impl Tally {
    /// Records a fault, and whether it hit a run being worked on.
    pub(super) fn fault(&mut self, fault: Fault, hit: bool) {
        let count = self.faults.entry(fault).or_default();
        count.made += 1;
        count.hit += i64::from(hit);
    }

    /// Records a death at a fail point.
    pub(super) fn died_at(&mut self, place: FailPoint, hit: bool) {
        let count = self.places.entry(place).or_default();
        count.made += 1;
        count.hit += i64::from(hit);
    }
}

/// Figures of the judge.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) runs: i64,
    pub(super) batches: i64,
    pub(super) takeovers: i64,
    /// Longest time from a lease's end to the next claim.
    pub(super) longest_takeover: Duration,
    pub(super) violations: Vec<String>,
}

/// Sum of all rounds.
#[derive(Debug)]
pub(super) struct Report {
    seed: u64,
    begun: Instant,
    pub(super) rounds: u32,
    pub(super) violations: Vec<String>,
    total: Tally,
    verdict: Verdict,
}

impl Report {
    pub(super) fn begin(seed: u64) -> Self {
        Self {
            seed,
            begun: Instant::now(),
            rounds: 0,
            violations: Vec::new(),
            total: Tally::default(),
            verdict: Verdict::default(),
        }
    }

    /// Adds a round.
    pub(super) fn add(&mut self, tally: Tally, verdict: Verdict) {
        self.rounds += 1;
        let add = |sum: &mut Count, count: Count| {
            sum.made += count.made;
            sum.hit += count.hit;
        };
        for (fault, count) in tally.faults {
            add(self.total.faults.entry(fault).or_default(), count);
        }
        for (place, count) in tally.places {
            add(self.total.places.entry(place).or_default(), count);
        }
        add(&mut self.total.backends, tally.backends);
        let total = &mut self.total;
        total.longest_term = total.longest_term.max(tally.longest_term);
        total.most_messages = total.most_messages.max(tally.most_messages);
        total.memory_kib = (
            total.memory_kib.0.max(tally.memory_kib.0),
            total.memory_kib.1.max(tally.memory_kib.1),
        );
        let sum = &mut self.verdict;
        sum.runs += verdict.runs;
        sum.batches += verdict.batches;
        sum.takeovers += verdict.takeovers;
        sum.longest_takeover = sum.longest_takeover.max(verdict.longest_takeover);
        let round = self.rounds;
        let all = tally.violations.into_iter().chain(verdict.violations);
        self.violations.extend(all.map(|text| format!("round {round}: {text}")));
    }

    /// Returns the number of deaths by SIGKILL that hit a run.
    fn kills(&self) -> i64 {
        let killed = self.total.faults.get(&Fault::WorkerKill).map_or(0, |count| count.hit);
        killed + self.total.places.values().map(|count| count.hit).sum::<i64>()
    }

    /// Returns a one-line summary of the progress.
    pub(super) fn line(&self) -> String {
        format!(
            "{} runs, {} batches, {} kills so far, {} violations, {} s",
            thousands(self.verdict.runs),
            thousands(self.verdict.batches),
            thousands(self.kills()),
            self.violations.len(),
            self.begun.elapsed().as_secs()
        )
    }

    pub(super) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Shows the whole report.
    pub(super) fn show(&self) {
        let row =
            |name: String, count: &Count| vec![name, thousands(count.made), thousands(count.hit)];
        let faults = self.total.faults.iter().map(|(fault, count)| row(fault.name(), count));
        let places = self.total.places.iter();
        let places = places.map(|(place, count)| row(format!("died {}", place.name()), count));
        let rows: Vec<_> = faults
            .chain(places)
            .chain([row("backends ended".to_owned(), &self.total.backends)])
            .collect();
        show("");
        show_table(&["FAULT", "MADE", "HIT A WORKING RUN"], &rows);
        show("");
        let Verdict { runs, batches, takeovers, longest_takeover, .. } = &self.verdict;
        show(format!(
            "{} rounds in {} s, seed {}: {} runs in {} batches, {} kills that hit a run, {} \
             take-overs, the slowest {:.1} s after its lease had ended.",
            self.rounds,
            self.begun.elapsed().as_secs(),
            self.seed,
            thousands(*runs),
            thousands(*batches),
            thousands(self.kills()),
            thousands(*takeovers),
            longest_takeover.as_secs_f64()
        ));
        let Tally { longest_term, most_messages, memory_kib: (early, late), .. } = &self.total;
        show(format!(
            "At most {} messages of ours in Redis; {:.1} s from SIGTERM to the end at most; a worker \
             that lives on had {:.1} MiB early and {:.1} MiB late in a round.",
            thousands(*most_messages),
            longest_term.as_secs_f64(),
            mebibytes(*early),
            mebibytes(*late)
        ));
        for violation in &self.violations {
            show(format!("VIOLATION: {violation}"));
        }
        if self.is_clean() {
            show("Nothing lost, nothing twice, no foreign row changed.");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mebibytes(kib: i64) -> f64 {
    kib as f64 / 1024.0
}

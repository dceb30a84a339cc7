//! What runs alongside the foreground.

/// A scenario: how posts are deleted, and how much that may affect the foreground.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    /// Name for `--only`.
    pub(super) name: &'static str,
    pub(super) deletion: Deletion,
    /// Maximum latencies, as multiples of the latency without a deletion. `None` means no bounds.
    pub(super) bounds: Option<Bounds>,
}

/// How the account's posts are deleted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deletion {
    /// No deletion.
    None,
    /// By ostrakon, with these settings.
    Ostrakon(&'static [(&'static str, &'static str)]),
    /// By the bare procedure, in batches of so many rows with a commit each.
    Batches(i32),
    /// By the bare procedure, all in one transaction.
    OneTransaction,
    /// Like the original.
    OneByOne,
}

/// Maximum ratio of a quantile to the same quantile in `alone`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) median: f64,
    pub(super) p99: f64,
    /// Maximum milliseconds for the deletion of a post, if that has a bound.
    pub(super) ms_per_post: Option<f64>,
}

/// The scenario that all others are compared with.
pub(super) const ALONE: &str = "alone";

/// All scenarios, in the order in which each round measures them.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: ALONE, deletion: Deletion::None, bounds: None },
    Scenario {
        name: "ostrakon",
        deletion: Deletion::Ostrakon(&[]),
        bounds: Some(Bounds { median: 1.2, p99: 2.0, ms_per_post: Some(3.0) }),
    },
    Scenario {
        name: "ostrakon_gentle",
        deletion: Deletion::Ostrakon(&[
            ("OSTRAKON_BATCH_PERCENT_BUSY", "1"),
            ("OSTRAKON_BATCH_ROWS_BUSY", "25"),
        ]),
        bounds: Some(Bounds { median: 1.2, p99: 1.2, ms_per_post: None }),
    },
    Scenario { name: "batches_of_250", deletion: Deletion::Batches(250), bounds: None },
    Scenario { name: "batches_of_1000", deletion: Deletion::Batches(1_000), bounds: None },
    Scenario { name: "one_by_one", deletion: Deletion::OneByOne, bounds: None },
    Scenario { name: "one_transaction", deletion: Deletion::OneTransaction, bounds: None },
];

/// Finds a scenario by its name on the command line.
pub(super) fn find(name: &str) -> Result<&'static Scenario, String> {
    SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        format!("there is none of that name. Known: {}", names.join(", "))
    })
}

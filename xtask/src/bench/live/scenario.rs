//! What goes on beside the foreground.

/// A scenario: what deletes, and what the foreground may feel of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    /// As typed behind `--only`.
    pub(super) name: &'static str,
    pub(super) deletion: Deletion,
    /// Times the latency that the foreground has alone; nothing is asked of the others.
    pub(super) bounds: Option<Bounds>,
}

/// How the account's posts are deleted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deletion {
    /// Not at all.
    None,
    /// By ostrakon, with these settings.
    Ostrakon(&'static [(&'static str, &'static str)]),
    /// By the bare procedure, in batches of so many rows with a commit each.
    Batches(i32),
    /// By the bare procedure, all in one transaction.
    OneTransaction,
    /// As the original does it.
    OneByOne,
}

/// How many times slower a quantile may be than alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) median: f64,
    pub(super) p99: f64,
    /// Milliseconds that the deletion of a post may take meanwhile, if that is asked for.
    pub(super) ms_per_post: Option<f64>,
}

/// What everything is compared with.
pub(super) const ALONE: &str = "alone";

/// In the order in which they are measured in each round.
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

/// Finds a scenario by what was typed.
pub(super) fn find(name: &str) -> Result<&'static Scenario, String> {
    SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        format!("there is none of that name. Known: {}", names.join(", "))
    })
}

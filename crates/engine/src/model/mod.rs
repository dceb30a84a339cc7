//! The state machine of a run against a small model in plain Rust.
//!
//! Random sequences of everything that can happen to a run (requesting, notifying, claiming, turns
//! of the loop with every outcome, crashes, zombies, operators) happen on a real PostgreSQL and in
//! the model. After each step the whole row, its events, its parked items and the effects of its
//! job must be the same in both. One turn of the real loop at a time, so a case is one thread.
//!
//! `OSTRAKON_MODEL_CASES` sets the number of cases, `OSTRAKON_MODEL_SEED` repeats those of a
//! failure.

mod case;
mod expected;
mod operation;
mod run;
mod stage;
mod tally;

use std::env;

use anyhow::{Context as _, Result};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use case::Case;
use operation::sequences;
use stage::Stage;

/// Number of cases, of all four tests together.
const CASES: u32 = 10_000;

/// Number of tests that share the cases, so that they run in parallel.
const TESTS: u32 = 4;

/// Runs a quarter of the cases.
fn quarter() -> Result<()> {
    let number = |name: &str| -> Result<Option<u64>> {
        let text = env::var(name).ok().filter(|text| !text.is_empty());
        text.map(|text| text.parse().with_context(|| format!("{name}={text}"))).transpose()
    };
    let cases = number("OSTRAKON_MODEL_CASES")?.map_or(Ok(CASES), u32::try_from)?.div_ceil(TESTS);
    let seed = number("OSTRAKON_MODEL_SEED")?.unwrap_or_else(rand::random);
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        // The seed is enough to repeat a case, and no file is left behind.
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stage = runtime.block_on(Stage::set())?;
    let checked = TestRunner::new(config).run(&sequences(), |sequence| {
        runtime
            .block_on(Case::check(&stage, &sequence))
            .map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    checked.map_err(|failure| {
        anyhow::anyhow!(
            "{failure}\nOnce more with: OSTRAKON_MODEL_CASES={} OSTRAKON_MODEL_SEED={seed}",
            cases * TESTS
        )
    })
}

#[test]
fn a_run_is_what_the_model_says_1() -> Result<()> {
    quarter()
}

#[test]
fn a_run_is_what_the_model_says_2() -> Result<()> {
    quarter()
}

#[test]
fn a_run_is_what_the_model_says_3() -> Result<()> {
    quarter()
}

#[test]
fn a_run_is_what_the_model_says_4() -> Result<()> {
    quarter()
}

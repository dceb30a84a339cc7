//! The contract that every job must keep: see `ostrakon_engine::Job`, and its points in
//! CONTRIBUTING.md.
//!
//! A job's test seeds a database and passes it to [`contract`]. That one line checks all points for
//! a new job.

mod accepted_meanwhile;
mod beside_server;
mod costs;
mod deactivate_instance;
mod delete_activities;
mod delete_user;
mod explain;
mod full_ledger;
mod growth;
mod plans;
mod prune_activities;
mod prune_objects;
mod purge_instance;
mod releases;
mod repair_counters;
mod set_confirmation_for_all;
mod stage;
mod switch_user;
mod wire;

use anyhow::{Result, ensure};
use ostrakon_engine::{Ended, ledger};
use ostrakon_jobs::AnyJob;
use serde_json::Value;
use testkit::{Database, State, compare, snapshot};

use stage::Stage;

/// A seeded database and a job for it.
pub(crate) struct Scenario {
    /// Database with the job's rows, and with rows of accounts without any connection to it.
    pub(crate) database: Database,
    /// Job to be done.
    pub(crate) job: AnyJob,
    /// Word that occurs in every row of those other accounts, and in none of the job's.
    pub(crate) bystander: &'static str,
}

/// What a second run of the same job finds to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Nothing is left.
    Nothing,
    /// The same again, by the job's own rules: it generates something new each time, or the server
    /// has yet to do what it was asked for.
    TheSame,
}

/// Checks all points of the contract.
pub(crate) async fn contract(scenario: Scenario) -> Result<()> {
    check(scenario, Again::Nothing).await
}

/// Checks all points of the contract for a job that finds the same work each time.
pub(crate) async fn contract_of_a_job_that_repeats(scenario: Scenario) -> Result<()> {
    check(scenario, Again::TheSame).await
}

async fn check(scenario: Scenario, again: Again) -> Result<()> {
    let Scenario { database, job, bystander } = scenario;
    let before = snapshot(&database.pool()).await?;

    let expected = in_one_go(&before, &job, &database, again).await?;
    let same = |how: &str, after: &State| {
        let differences: Vec<String> =
            compare(&before, &expected, after).iter().map(ToString::to_string).collect();
        ensure!(differences.is_empty(), "{how}, the rows differ:\n{}", differences.join("\n"));
        Ok(())
    };
    bystanders_are_untouched(&before, &expected, bystander)?;
    same("Killed after every batch", &killed_after_every_batch(&before, &job, &database).await?)?;
    same("Delivered twice at once", &delivered_twice(&before, &job, &database).await?)?;
    same("Taken over from a zombie", &taken_over(&before, &job, &database).await?)?;
    Ok(())
}

/// Points 1, 2 and 5: the plan writes nothing and its counts are what a run does; a second run does
/// nothing, or the same again.
async fn in_one_go(before: &State, job: &AnyJob, like: &Database, again: Again) -> Result<State> {
    let stage = Stage::set(before, like).await?;
    let plan = stage.plan(job).await?;
    ensure!(snapshot(&stage.pool()).await? == *before, "the plan wrote something");

    let id = stage.enqueue(job).await?;
    let ended = stage.run(job, &id).await?;
    ensure!(ended == Ended::Succeeded, "{ended:?}");
    let run = stage.find(&id).await?;
    ensure!(run.total == Some(plan.total), "planned {} and later {:?}", plan.total, run.total);
    ensure!(run.done + run.parked == plan.total, "{} done of {}", run.done, plan.total);
    let after = snapshot(&stage.pool()).await?;

    let left = stage.plan(job).await?.total;
    let id = stage.enqueue(job).await?;
    ensure!(stage.run(job, &id).await? == Ended::Succeeded);
    let second = snapshot(&stage.pool()).await?;
    if again == Again::Nothing {
        ensure!(left == run.parked, "the plan of a second run is not empty");
        ensure!(second == after, "a second run wrote something");
    } else {
        let total = stage.find(&id).await?.total;
        ensure!(Some(left) == total, "the second run planned {left} and later {total:?}");
        only_asked_again(before, &after, &second)?;
    }
    Ok(after)
}

/// A job that finds the same work each time leaves the same rows each time, except for what it
/// generates. Only the jobs for the server are there twice.
fn only_asked_again(before: &State, after: &State, second: &State) -> Result<()> {
    let differences = compare(before, after, second);
    let rows: Vec<String> = differences
        .iter()
        .filter(|difference| difference.table != "oban_jobs")
        .map(ToString::to_string)
        .collect();
    ensure!(rows.is_empty(), "after a second run the rows differ:\n{}", rows.join("\n"));
    let asked = |state: &State| state.rows("oban_jobs").len();
    let (first, again) = (asked(after) - asked(before), asked(second) - asked(after));
    ensure!(again <= first, "a second run asked the server {again} times, the first {first} times");
    Ok(())
}

/// Point 6: compares rows by id and content.
fn bystanders_are_untouched(before: &State, after: &State, bystander: &str) -> Result<()> {
    let rows = |state: &State| -> Vec<(String, Value)> {
        let tables: Vec<String> = state.tables().map(str::to_owned).collect();
        let rows = tables
            .iter()
            .flat_map(|table| state.rows(table).iter().map(|row| (table.clone(), row.clone())));
        rows.filter(|(_, row)| row.to_string().contains(bystander)).collect()
    };
    let bystanders = rows(before);
    ensure!(bystanders.len() > 3, "there is nobody to be excluded");
    ensure!(bystanders == rows(after), "rows of {bystander} were changed");
    Ok(())
}

/// Point 3: kills the worker after every batch, until the run is finished.
async fn killed_after_every_batch(before: &State, job: &AnyJob, like: &Database) -> Result<State> {
    let stage = Stage::set(before, like).await?;
    let id = stage.enqueue(job).await?;
    let mut kills = 0;
    while !stage.find(&id).await?.status.is_finished() {
        stage.run_one_batch_and_die(job, &id).await?;
        kills += 1;
        ensure!(kills < 1_000, "the run does not end");
    }
    let run = stage.find(&id).await?;
    ensure!(Some(run.done + run.parked) == run.total, "{} of {:?}", run.done, run.total);
    snapshot(&stage.pool()).await
}

/// Point 4: two workers receive the same message.
async fn delivered_twice(before: &State, job: &AnyJob, like: &Database) -> Result<State> {
    let stage = Stage::set(before, like).await?;
    let id = stage.enqueue(job).await?;
    let mut one = stage.pool().acquire().await?;
    let mut other = stage.pool().acquire().await?;
    let lease = Stage::LONG_LEASE;
    let (first, second) = tokio::join!(
        ledger::claim(&mut one, &id, "one", lease),
        ledger::claim(&mut other, &id, "other", lease)
    );
    let mut claims: Vec<_> = [first?, second?].into_iter().flatten().collect();
    let claim = claims.pop();
    ensure!(claims.is_empty(), "both workers got the run");
    let Some(claim) = claim else { anyhow::bail!("no worker got the run") };
    ensure!(stage.drive(job, &claim).await? == Ended::Succeeded);
    snapshot(&stage.pool()).await
}

/// Point 4: a worker that was taken for dead continues alongside its successor.
async fn taken_over(before: &State, job: &AnyJob, like: &Database) -> Result<State> {
    let stage = Stage::set(before, like).await?;
    let id = stage.enqueue(job).await?;
    let zombie = stage.claim_briefly(&id).await?;
    let successor = stage.claim_briefly(&id).await?;
    let (zombie, successor) = tokio::join!(stage.drive(job, &zombie), stage.drive(job, &successor));
    ensure!(zombie? == Ended::Lost, "the zombie was not stopped");
    ensure!(successor? == Ended::Succeeded);
    snapshot(&stage.pool()).await
}

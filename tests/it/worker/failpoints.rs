//! A process dies at each named place of the loop, as by `kill -9`; another one goes on.

use std::os::unix::process::ExitStatusExt as _;

use anyhow::{Result, ensure};
use ostrakon_engine::FailPoint;

use super::{
    history::{DELETE_ALICE, TOTAL, posts_left, spoil},
    process::Worker,
    stage::{BATCH, Stage},
};
use testkit::Ostrakon;

/// What SIGKILL is called in an exit status.
const SIGKILL: i32 = 9;

/// Writes a test per place, each with when to die and what is going on meanwhile.
macro_rules! dies {
    ($($test:ident: $point:ident $when:literal $scene:ident;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() -> Result<()> {
                $scene(FailPoint::$point, $when).await
            }
        )+

        #[test]
        fn a_process_dies_at_every_place() {
            let mut places = [$(FailPoint::$point),+];
            places.sort();
            let mut all = FailPoint::ALL;
            all.sort();
            assert_eq!(places, all);
        }
    };
}

dies! {
    before_claim: BeforeClaim "return" undisturbed;
    after_claim: AfterClaim "return" undisturbed;
    before_plan_commit: BeforePlanCommit "return" undisturbed;
    after_plan_commit: AfterPlanCommit "return" undisturbed;
    before_batch_commit: BeforeBatchCommit "2*off->return" undisturbed;
    after_batch_commit: AfterBatchCommit "2*off->return" undisturbed;
    before_finish_commit: BeforeFinishCommit "return" undisturbed;
    after_finish_commit: AfterFinishCommit "return" undisturbed;
    before_acknowledge: BeforeAcknowledge "return" undisturbed;
    after_acknowledge: AfterAcknowledge "return" undisturbed;
    before_park_commit: BeforeParkCommit "return" with_a_bad_row;
    after_park_commit: AfterParkCommit "return" with_a_bad_row;
    before_give_back_commit: BeforeGiveBackCommit "return" stopped;
    after_give_back_commit: AfterGiveBackCommit "return" stopped;
    after_notify: AfterNotify "return" never_notified;
    before_enqueue_commit: BeforeEnqueueCommit "return" while_asking;
    after_enqueue_commit: AfterEnqueueCommit "return" while_asking;
}

fn armed(stage: &Stage, point: FailPoint, when: &str) -> Ostrakon {
    stage.with_short_leases().with("FAILPOINTS", format!("{}={when}", point.name()))
}

fn dies(worker: Worker) -> Result<()> {
    let (status, log) = worker.end()?;
    ensure!(status.signal() == Some(SIGKILL), "{status}: {log:#?}");
    Ok(())
}

async fn undisturbed(point: FailPoint, when: &str) -> Result<()> {
    let stage = Stage::new().await?;
    let id = stage.queue_alice()?;
    dies(Worker::launch(&armed(&stage, point, when))?)?;
    let run = stage.run(&id).await?;
    let done = match point {
        FailPoint::BeforeBatchCommit => 2 * BATCH,
        FailPoint::AfterBatchCommit => 3 * BATCH,
        // The last turn finds nothing more to do.
        FailPoint::BeforeFinishCommit
        | FailPoint::AfterFinishCommit
        | FailPoint::BeforeAcknowledge
        | FailPoint::AfterAcknowledge => TOTAL,
        _ => 0,
    };
    ensure!(run.done == done, "{run:?}");
    let _next = Worker::start(&stage.with_short_leases())?;
    stage.is_like_the_twin(&id).await?;
    let claims = ["started", "taken_over", "resumed"];
    let events = stage.events(&id).await?;
    let claimed = events.iter().filter(|event| claims.contains(&event.as_str())).count();
    ensure!(claimed <= 2, "{events:?}");
    Ok(())
}

async fn with_a_bad_row(point: FailPoint, when: &str) -> Result<()> {
    let stage = Stage::new().await?;
    spoil(&stage.pool, 12, "23514").await?;
    let id = stage.queue_alice()?;
    dies(Worker::launch(&armed(&stage, point, when))?)?;
    let _next = Worker::start(&stage.with_short_leases())?;
    let run = stage.reaches(&id, "incomplete").await?;
    ensure!((run.done, run.parked) == (TOTAL - 1, 1), "{run:?}");
    ensure!(posts_left(&stage.pool).await? == [12]);
    let parked = stage.events(&id).await?.iter().filter(|event| *event == "parked").count();
    ensure!(parked == 1, "it was parked {parked} times");
    Ok(())
}

async fn stopped(point: FailPoint, when: &str) -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&armed(&stage, point, when))?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    worker.signal("TERM")?;
    worker.expect("Stopping")?;
    held.rollback().await?;
    dies(worker)?;
    let run = stage.run(&id).await?;
    let status = if point == FailPoint::AfterGiveBackCommit { "queued" } else { "running" };
    ensure!((run.status.as_str(), run.done) == (status, 3 * BATCH), "{run:?}");
    let _next = Worker::start(&stage.with_short_leases())?;
    stage.is_like_the_twin(&id).await
}

async fn never_notified(point: FailPoint, when: &str) -> Result<()> {
    let stage = Stage::new().await?;
    // Nobody listens at that port.
    let deaf = stage.with("OSTRAKON_REDIS_URL", "redis://127.0.0.1:1");
    let done = deaf.run(&[&DELETE_ALICE[..], &["--yes"]].concat())?;
    ensure!(done.code == 0 && done.stderr.contains("safe in the ledger"), "{done:?}");
    dies(Worker::launch(&armed(&stage, point, when))?)?;
    let _next = Worker::start(&stage.with_short_leases())?;
    let id: String =
        sqlx::query_scalar("select id from ostrakon.runs").fetch_one(&stage.pool).await?;
    stage.is_like_the_twin(&id).await
}

async fn while_asking(point: FailPoint, when: &str) -> Result<()> {
    let stage = Stage::new().await?;
    let ask = [&DELETE_ALICE[..], &["--yes"]].concat();
    let mut command = armed(&stage, point, when).command(&ask);
    let died = command.output()?;
    ensure!(died.status.signal() == Some(SIGKILL), "{died:?}");
    let is_asked = point == FailPoint::AfterEnqueueCommit;
    let again = stage.ostrakon.run(&ask)?;
    ensure!(again.code == if is_asked { 5 } else { 0 }, "{again:?}");
    let ids: Vec<String> =
        sqlx::query_scalar("select id from ostrakon.runs").fetch_all(&stage.pool).await?;
    let [id] = ids.as_slice() else { anyhow::bail!("{ids:?}") };
    stage.is_untouched().await?;
    let _worker = Worker::start(&stage.with_short_leases())?;
    stage.is_like_the_twin(id).await
}

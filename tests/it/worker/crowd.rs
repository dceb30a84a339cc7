//! A worker is told to stop while eight runs are going on at once.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sqlx::PgTransaction;
use testkit::{Database, Flavour, Ostrakon, State, World, compare, snapshot};

use super::{
    process::Worker,
    stage::{BATCH, Stage, stuck},
};

/// Runs at once.
const RUNS: usize = 8;

/// Posts of each account.
const POSTS: usize = 12;

/// Eight accounts with posts, what is left of them, and the row of each account's seventh post.
struct Crowd {
    before: State,
    after: State,
    sevenths: Vec<i64>,
}

fn nickname(number: usize) -> String {
    format!("user{number}")
}

impl Crowd {
    async fn gather() -> Result<Self> {
        let database = Database::create(Flavour::Pleroma).await?;
        let world = World::new(&database);
        let mut sevenths = Vec::new();
        for number in 0..RUNS {
            let account = world.local(&nickname(number)).await?;
            for post in 1..=POSTS {
                let post_row = account.posts(&format!("post {post}")).create().await?.object_row;
                if post == 7 {
                    sevenths.push(post_row);
                }
            }
        }
        let before = snapshot(&database.pool()).await?;
        let ostrakon = Ostrakon::on(&database).with("OSTRAKON_FEDERATION_PER_SECOND", "1000000");
        ostrakon.migrate()?;
        for number in 0..RUNS {
            let name = nickname(number);
            let done = ostrakon.run(&["user", "delete_activities", &name, "--inline", "--yes"])?;
            ensure!(done.code == 0, "{done:?}");
        }
        let after = snapshot(&database.pool()).await?;
        Ok(Self { before, after, sevenths })
    }

    async fn hold(&self, stage: &Stage) -> Result<PgTransaction<'static>> {
        let mut held = stage.pool.begin().await?;
        sqlx::query("select from objects where id = any($1) for update")
            .bind(&self.sevenths)
            .execute(&mut *held)
            .await?;
        Ok(held)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_gives_eight_runs_back_with_their_checkpoints() -> Result<()> {
    let crowd = Crowd::gather().await?;
    let database = Database::create(Flavour::Pleroma).await?;
    crowd.before.load(&database.pool()).await?;
    let stage = Stage::empty(database).await?;
    let ostrakon = stage.with("OSTRAKON_WORKER_CONCURRENCY", "8");
    let held = crowd.hold(&stage).await?;
    let mut worker = Worker::start(&ostrakon)?;
    let mut ids = Vec::new();
    for number in 0..RUNS {
        ids.push(stage.queue(&["user", "delete_activities", &nickname(number)])?.0);
    }
    stuck(&stage.pool, 8).await?;
    worker.signal("TERM")?;
    let reported = Instant::now();
    worker.expect("Stopping")?;
    held.rollback().await?;
    let (status, log) = worker.end()?;
    ensure!(status.code() == Some(0) && reported.elapsed() < Duration::from_secs(5), "{log:#?}");
    for id in &ids {
        let run = stage.run(id).await?;
        ensure!((run.status.as_str(), run.done) == ("queued", 2 * BATCH), "{run:?}");
        ensure!((run.attempt, run.crashes, &run.last_error) == (0, 0, &None), "{run:?}");
        let events = stage.events(id).await?;
        ensure!(events == ["queued", "started", "planned", "interrupted"], "{events:?}");
    }

    let _next = Worker::start(&ostrakon)?;
    for id in &ids {
        stage.reaches(id, "succeeded").await?;
    }
    let differences = compare(&crowd.before, &crowd.after, &snapshot(&stage.pool).await?);
    ensure!(differences.is_empty(), "{differences:#?}");
    Ok(())
}

//! Runs that were requested together: one at a time, and none of them before a single run.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::{Database, Done, Flavour, World};

use super::{
    process::Worker,
    stage::{Stage, eventually},
};

/// Accounts of each host; a batch takes five.
const ACCOUNTS: usize = 12;

/// Hosts of a group; the accounts of each follow the same local account.
const HOSTS: [&str; 4] = ["a.example", "b.example", "c.example", "d.example"];

/// A server with accounts of several hosts.
async fn stage() -> Result<Stage> {
    let database = Database::create(Flavour::Pleroma).await?;
    let world = World::new(&database);
    let alice = world.local("alice").await?;
    for host in HOSTS.into_iter().chain(["single.example"]) {
        for number in 0..ACCOUNTS {
            world.remote(&format!("user{number}"), host).await?.follows(&alice).await?;
        }
    }
    Stage::empty(database).await
}

fn deactivate(stage: &Stage, more: &[&str]) -> Result<Done> {
    let line = ["user", "deactivate_all_from_instance", "--hosts-file", "-", "--yes"];
    stage.ostrakon.run_with_input(&[&line[..], more].concat(), &HOSTS.join("\n"))
}

/// Queues a group; returns its id and those of its runs, in their order.
fn queue(stage: &Stage) -> Result<(String, Vec<String>)> {
    let done = deactivate(stage, &["--queue", "--json"])?;
    ensure!(done.code == 0, "{done:?}");
    let objects: Vec<Value> =
        done.stdout.lines().map(serde_json::from_str).collect::<serde_json::Result<_>>()?;
    let text = |object: &Value, key: &str| object[key].as_str().map(str::to_owned);
    let runs = objects.iter().filter_map(|object| text(object, "run_id")).collect();
    let group = objects.last().and_then(|object| text(object, "group_id"));
    Ok((group.context("no group")?, runs))
}

fn group(stage: &Stage, id: &str) -> Result<Value> {
    Ok(serde_json::from_str(&stage.ostrakon.run(&["runs", "show", id, "--json"])?.stdout)?)
}

/// Names of hosts that have active accounts.
async fn active_hosts(stage: &Stage) -> Result<Vec<String>> {
    let statement = "select distinct split_part(nickname, '@', 2) as host from users
                     where is_active and nickname like '%@%' order by host";
    Ok(sqlx::query_scalar(statement).fetch_all(&stage.pool).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runs_of_a_group_follow_each_other() -> Result<()> {
    let stage = stage().await?;
    let (id, runs) = queue(&stage)?;
    ensure!(runs.len() == HOSTS.len(), "{runs:?}");
    // Four slots, and as many runs that would change the counters of the same account.
    let ostrakon = stage.with("OSTRAKON_WORKER_CONCURRENCY", "2");
    let _workers = [Worker::start(&ostrakon)?, Worker::start(&ostrakon)?];
    let watched = stage.ostrakon.run(&["runs", "watch", &id])?;
    ensure!(watched.code == 0, "{watched:?}");
    ensure!(
        watched.stdout.contains(&format!("Group {id} (deactivate_instance for 4 hosts) is done"))
    );
    for run in &runs {
        let events = stage.events(run).await?;
        ensure!(events == ["queued", "started", "planned", "succeeded"], "{events:?}");
    }
    let overlaps: i64 = sqlx::query_scalar(
        "select count(*) from ostrakon.runs one join ostrakon.runs other
             on other.id <> one.id and other.started_at between one.started_at and one.finished_at",
    )
    .fetch_one(&stage.pool)
    .await?;
    ensure!(overlaps == 0, "{overlaps} runs were worked on at the same time");
    ensure!(active_hosts(&stage).await? == ["single.example"]);
    let group = group(&stage, &id)?;
    ensure!(group["status"] == "succeeded" && group["per_cent"] == 100, "{group}");
    ensure!(
        group["done"] == group["total"] && group["runs_by_status"]["succeeded"] == 4,
        "{group}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_run_does_not_wait_for_a_group() -> Result<()> {
    let stage = stage().await?;
    let (id, runs) = queue(&stage)?;
    let slow = stage.ostrakon.run(&["runs", "speed", &id, "0.01"])?;
    ensure!(slow.code == 0 && slow.stdout.contains("4 runs set to 0.01 times"), "{slow:?}");
    let _worker = Worker::start(&stage.with("OSTRAKON_WORKER_CONCURRENCY", "1"))?;
    let first = &runs[0];
    eventually("a batch", async || Ok((stage.run(first).await?.done > 0).then_some(()))).await?;
    let single = stage.ostrakon.run(&[
        "user",
        "deactivate_all_from_instance",
        "single.example",
        "--yes",
        "--wait",
    ])?;
    ensure!(single.code == 0, "{single:?}");
    let unfinished = stage.run(first).await?;
    ensure!(unfinished.status != "succeeded" && unfinished.attempt == 0, "{unfinished:?}");
    let fast = stage.ostrakon.run(&["runs", "speed", &id, "100"])?;
    ensure!(fast.code == 0, "{fast:?}");
    ensure!(stage.ostrakon.run(&["runs", "watch", &id])?.code == 0);
    let events = stage.events(first).await?;
    let without_speed: Vec<_> = events.iter().filter(|event| *event != "speed").collect();
    ensure!(
        without_speed == ["queued", "started", "planned", "interrupted", "resumed", "succeeded"],
        "{events:?}"
    );
    // The interrupted run has kept its place.
    let order: Vec<String> =
        sqlx::query_scalar("select id from ostrakon.runs where group_id = $1 order by finished_at")
            .bind(&id)
            .fetch_all(&stage.pool)
            .await?;
    ensure!(order == runs, "{order:?}");
    ensure!(active_hosts(&stage).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_stops_no_other() -> Result<()> {
    let stage = stage().await?;
    let spoil = "create function spoil() returns trigger language plpgsql as $$
                 begin raise exception 'spoilt' using errcode = '23514'; end $$;
                 create trigger spoil before update on users for each row
                 when (new.nickname like '%@b.example') execute function spoil()";
    sqlx::raw_sql(spoil).execute(&stage.pool).await?;
    let (id, runs) = queue(&stage)?;
    let worker = Worker::start(&stage.ostrakon)?;
    let watched = stage.ostrakon.run(&["runs", "watch", &id])?;
    ensure!(watched.code == 1, "{watched:?}");
    ensure!(watched.stderr.contains("3 succeeded, 1 failed"), "{watched:?}");
    ensure!(active_hosts(&stage).await? == ["b.example", "single.example"]);
    let shown = stage.ostrakon.run(&["runs", "show", &id])?;
    ensure!(shown.stdout.contains(&format!("  {} b.example failed: ", runs[1])), "{shown:?}");
    let failed =
        stage.ostrakon.run(&["runs", "list", "--group", &id, "--status", "failed", "--json"])?;
    let failed: Value = serde_json::from_str(&failed.stdout)?;
    ensure!(failed["run_id"] == runs[1].as_str() && failed["group_id"] == id.as_str(), "{failed}");

    sqlx::raw_sql("drop trigger spoil on users").execute(&stage.pool).await?;
    worker.stop()?;
    let retried = stage.ostrakon.run(&["runs", "retry", &id])?;
    ensure!(retried.code == 0 && retried.stdout.contains("1 run queued again"), "{retried:?}");
    let _worker = Worker::start(&stage.ostrakon)?;
    ensure!(stage.ostrakon.run(&["runs", "watch", &id])?.code == 0);
    ensure!(active_hosts(&stage).await? == ["single.example"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_paused_resumed_and_cancelled_as_a_whole() -> Result<()> {
    let stage = stage().await?;
    let (id, runs) = queue(&stage)?;
    ensure!(stage.ostrakon.run(&["runs", "speed", &id, "0.01"])?.code == 0);
    let _worker = Worker::start(&stage.ostrakon)?;
    eventually("a batch", async || Ok((stage.run(&runs[0]).await?.done > 0).then_some(()))).await?;
    let paused = stage.ostrakon.run(&["runs", "pause", &id])?;
    ensure!(paused.code == 0 && paused.stdout.contains("4 runs paused"), "{paused:?}");
    for run in &runs {
        stage.reaches(run, "paused").await?;
    }
    ensure!(group(&stage, &id)?["status"] == "paused");
    ensure!(stage.ostrakon.run(&["runs", "pause", &id])?.code == 4);
    let resumed = stage.ostrakon.run(&["runs", "resume", &id])?;
    ensure!(resumed.code == 0 && resumed.stdout.contains("4 runs queued again"), "{resumed:?}");
    let at = stage.run(&runs[0]).await?.done;
    eventually("a batch", async || Ok((stage.run(&runs[0]).await?.done > at).then_some(())))
        .await?;
    let cancelled = stage.ostrakon.run(&["runs", "cancel", &id])?;
    ensure!(cancelled.code == 0 && cancelled.stdout.contains("4 runs cancelled"), "{cancelled:?}");
    for run in &runs {
        stage.reaches(run, "cancelled").await?;
    }
    let watched = stage.ostrakon.run(&["runs", "watch", &id])?;
    ensure!(watched.code == 1 && watched.stderr.contains("were cancelled"), "{watched:?}");
    ensure!(stage.ostrakon.run(&["runs", "resume", &id])?.code == 4);
    let active = active_hosts(&stage).await?;
    ensure!(active.len() == 5, "what was cancelled was done: {active:?}");
    Ok(())
}

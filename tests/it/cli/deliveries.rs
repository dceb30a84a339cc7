//! Deliveries that the server has to make are spread over time.

use std::{
    collections::BTreeMap,
    process::{Child, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::Value;
use testkit::{Account, Done, Flavour, Ostrakon, flake_text};

use super::{FLAVOURS, Fixture};

/// The job for a delivery: the columns that the tests read.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Delivery {
    id: i64,
    state: String,
    args: Value,
    inserted_at: NaiveDateTime,
    scheduled_at: NaiveDateTime,
}

/// Reads the jobs in the order in which the server does them: first those that are available.
async fn deliveries(fixture: &Fixture) -> Result<Vec<Delivery>> {
    let jobs = sqlx::query_as(
        "select id, state::text, args, inserted_at, scheduled_at from public.oban_jobs
         where queue = 'federator_outgoing' and worker = 'Pleroma.Workers.PublisherWorker'
         order by state::text, scheduled_at, id",
    );
    Ok(jobs.fetch_all(&fixture.database.pool()).await?)
}

/// Counts the jobs that become due in each second.
fn by_second(jobs: &[Delivery]) -> BTreeMap<i64, usize> {
    let mut seconds = BTreeMap::new();
    for job in jobs.iter().filter(|job| job.state == "scheduled") {
        *seconds.entry(job.scheduled_at.and_utc().timestamp()).or_default() += 1;
    }
    seconds
}

/// An account with posts. Returns their ActivityPub ids too, in the order of writing.
async fn prolific(
    fixture: &Fixture,
    nickname: &str,
    posts: usize,
) -> Result<(Account, Vec<String>)> {
    let account = fixture.world.local(nickname).await?;
    let mut ids = Vec::new();
    for number in 0..posts {
        let post = account.posts(&format!("number {number}")).public().create().await?;
        ids.push(post.object);
    }
    Ok((account, ids))
}

/// The program with `per_second` deliveries per second and small batches.
fn paced(fixture: &Fixture, per_second: &str) -> Ostrakon {
    fixture
        .ostrakon
        .clone()
        .with("OSTRAKON_FEDERATION_PER_SECOND", per_second)
        .with("OSTRAKON_FEDERATION_MAX_WAITING", "10000000")
        .with("OSTRAKON_BATCH_ROWS_INITIAL", "7")
        .with("OSTRAKON_BATCH_ROWS_MAX", "7")
}

const DELETE_ALICE: [&str; 5] = ["user", "delete_activities", "alice", "--yes", "--inline"];

/// Marks all slots of the next hour as taken, and `taken` slots of the second after it. Returns
/// that second.
async fn an_hour_is_taken(fixture: &Fixture, taken: i32) -> Result<i64> {
    let second: DateTime<Utc> = sqlx::query_scalar(
        "update ostrakon.delivery_schedule
         set second = date_trunc('second', clock_timestamp()) + interval '1 hour', taken = $1
         returning second",
    )
    .bind(taken)
    .fetch_one(&fixture.database.pool())
    .await?;
    Ok(second.timestamp())
}

/// Reads the last second in which slots are taken, and how many.
async fn clock(fixture: &Fixture) -> Result<(i64, i32)> {
    let (second, taken): (DateTime<Utc>, i32) =
        sqlx::query_as("select second, taken from ostrakon.delivery_schedule")
            .fetch_one(&fixture.database.pool())
            .await?;
    Ok((second.timestamp(), taken))
}

/// Objects whose deletions are delivered, in the order of the jobs.
async fn objects(fixture: &Fixture, jobs: &[Delivery]) -> Result<Vec<String>> {
    let state = fixture.rows().await?.0;
    let mut deletes = BTreeMap::new();
    for row in state.rows("activities").iter().filter(|row| row["data"]["type"] == "Delete") {
        let id = row["id"].as_str().context("no id")?.parse()?;
        deletes.insert(flake_text(id), row["data"]["object"].as_str().unwrap_or_default());
    }
    jobs.iter()
        .map(|job| {
            let activity = job.args["activity_id"].as_str().unwrap_or_default();
            Ok((*deletes.get(activity).with_context(|| format!("no Delete {activity}"))?)
                .to_owned())
        })
        .collect()
}

#[tokio::test]
async fn deletions_are_delivered_at_the_pace_that_was_set_and_in_their_order() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let (_, posts) = prolific(&fixture, "alice", 100).await?;
        let first = an_hour_is_taken(&fixture, 0).await?;
        let done = paced(&fixture, "10").run(&[&DELETE_ALICE[..], &["--json"]].concat())?;
        ensure!(done.code == 0, "{flavour}: {done:?}");
        ensure!(done.stderr.contains("deliveries until about "), "{flavour}: {done:?}");

        let jobs = deliveries(&fixture).await?;
        ensure!(objects(&fixture, &jobs).await? == posts, "{flavour}: not in their order");
        let ids: Vec<i64> = jobs.iter().map(|job| job.id).collect();
        ensure!(ids.is_sorted(), "{flavour}: {ids:?}");
        let expected: BTreeMap<i64, usize> = (0..10).map(|n| (first + n, 10)).collect();
        ensure!(by_second(&jobs) == expected, "{flavour}: {:?}", by_second(&jobs));

        let last = jobs.last().context("no job")?.scheduled_at.and_utc();
        let run: Value = serde_json::from_str(&done.stdout)?;
        let reported: DateTime<Utc> =
            run["deliveries_until"].as_str().context("no time")?.parse()?;
        ensure!((last - reported).abs() < TimeDelta::milliseconds(1), "{reported} and {last}");
        let shown = fixture.run(&format!("runs show {}", run["run_id"].as_str().unwrap_or("")))?;
        let line = format!("Deliveries   until about {}", last.format("%Y-%m-%d %H:%M UTC"));
        ensure!(shown.stdout.contains(&line), "{flavour}: {shown:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_first_places_are_those_of_this_second() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let (_, posts) = prolific(&fixture, "alice", 25).await?;
        let begun = Utc::now().timestamp();
        // A single batch, which takes all its slots at one moment.
        let ostrakon = paced(&fixture, "10")
            .with("OSTRAKON_BATCH_ROWS_INITIAL", "100")
            .with("OSTRAKON_BATCH_ROWS_MAX", "100");
        let done = ostrakon.run(&DELETE_ALICE)?;
        ensure!(done.code == 0, "{flavour}: {done:?}");
        let jobs = deliveries(&fixture).await?;
        ensure!(objects(&fixture, &jobs).await? == posts, "{flavour}: not in their order");
        let (at_once, later) = jobs.split_at(10);
        let as_ever =
            |job: &Delivery| job.state == "available" && job.scheduled_at == job.inserted_at;
        ensure!(at_once.iter().all(as_ever), "{flavour}: {at_once:?}");
        ensure!(later.iter().all(|job| job.state == "scheduled"), "{flavour}: {later:?}");
        let seconds: Vec<(i64, usize)> = by_second(&jobs).into_iter().collect();
        ensure!(seconds[0].0 > begun && seconds[1].0 == seconds[0].0 + 1, "{flavour}: {seconds:?}");
        ensure!(
            (seconds[0].1, seconds[1].1, seconds.len()) == (10, 5, 2),
            "{flavour}: {seconds:?}"
        );
        ensure!(clock(&fixture).await? == (seconds[1].0, 5), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn what_fits_into_this_second_is_written_as_the_original_does() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        prolific(&fixture, "alice", 5).await?;
        let (code, run) = fixture.json("user delete_activities alice --yes --inline")?;
        ensure!((code, &run["deliveries_until"]) == (0, &Value::Null), "{flavour}: {run}");
        let jobs = deliveries(&fixture).await?;
        let as_ever =
            |job: &Delivery| job.state == "available" && job.scheduled_at == job.inserted_at;
        ensure!(jobs.len() == 5 && jobs.iter().all(as_ever), "{flavour}: {jobs:?}");
    }
    Ok(())
}

#[tokio::test]
async fn deliveries_that_ostrakon_makes_itself_are_spread_as_well() -> Result<()> {
    let fixture = Fixture::new(Flavour::Akkoma).await?;
    let (alice, _) = prolific(&fixture, "alice", 4).await?;
    for host in ["one.example", "two.example", "three.example"] {
        fixture.world.remote("carl", host).await?.follows(&alice).await?;
    }
    let first = an_hour_is_taken(&fixture, 3).await?;
    let ostrakon = paced(&fixture, "5").with("OSTRAKON_FEDERATION_FANOUT", "ostrakon");
    let done = ostrakon.run(&DELETE_ALICE)?;
    ensure!(done.code == 0, "{done:?}");
    let seconds = by_second(&deliveries(&fixture).await?);
    ensure!(seconds == BTreeMap::from([(first, 2), (first + 1, 5), (first + 2, 5)]), "{seconds:?}");
    ensure!(clock(&fixture).await? == (first + 2, 5));
    Ok(())
}

fn begin(ostrakon: &Ostrakon, nickname: &str) -> Result<Child> {
    let words = ["user", "delete_activities", nickname, "--yes", "--inline"];
    Ok(ostrakon.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_share_the_places() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    for nickname in ["alice", "bob"] {
        prolific(&fixture, nickname, 40).await?;
    }
    let first = an_hour_is_taken(&fixture, 4).await?;
    let ostrakon = paced(&fixture, "10");
    let both = [begin(&ostrakon, "alice")?, begin(&ostrakon, "bob")?];
    for child in both {
        let done = Done::from(child.wait_with_output()?);
        ensure!(done.code == 0, "{done:?}");
    }
    let jobs = deliveries(&fixture).await?;
    let mut expected: BTreeMap<i64, usize> = (1..=7).map(|n| (first + n, 10)).collect();
    expected.extend([(first, 6), (first + 8, 4)]);
    ensure!(by_second(&jobs) == expected, "{:?}", by_second(&jobs));
    // No two deliveries have the same slot.
    let mut times: Vec<_> = jobs.iter().map(|job| job.scheduled_at).collect();
    times.dedup();
    ensure!(times.len() == 80, "{times:?}");
    ensure!(clock(&fixture).await? == (first + 8, 4));
    Ok(())
}

#[tokio::test]
async fn a_batch_that_is_undone_gives_its_places_back() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let (_, posts) = prolific(&fixture, "alice", 20).await?;
    // A batch deletes the activities after it has taken its slots.
    fixture
        .sql(
            "create table spoilt (object text not null);
             grant select on spoilt to public;
             create function refuse() returns trigger language plpgsql as $$ begin
                 if exists (select from spoilt where object = old.data ->> 'object') then
                     raise exception 'this one stays';
                 end if;
                 return old;
             end $$;
             create trigger refuse before delete on activities
             for each row execute function refuse()",
        )
        .await?;
    sqlx::query("insert into spoilt values ($1)")
        .bind(&posts[9])
        .execute(&fixture.database.pool())
        .await?;
    let first = an_hour_is_taken(&fixture, 0).await?;
    let done = paced(&fixture, "4").run(&DELETE_ALICE)?;
    ensure!(done.code == 6, "{done:?}");
    let jobs = deliveries(&fixture).await?;
    let reported = objects(&fixture, &jobs).await?;
    let expected: Vec<String> = [&posts[..9], &posts[10..]].concat();
    ensure!(reported == expected, "{reported:?}");
    let mut seconds: BTreeMap<i64, usize> = (0..4).map(|n| (first + n, 4)).collect();
    seconds.insert(first + 4, 3);
    ensure!(by_second(&jobs) == seconds, "{:?}", by_second(&jobs));
    Ok(())
}

#[tokio::test]
async fn whoever_is_switched_off_too_early_is_warned_of() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        prolific(&fixture, "alice", 3).await?;
        let warns = || -> Result<Vec<bool>> {
            ["user deactivate alice --dry-run", "user rm alice --dry-run"]
                .into_iter()
                .map(|line| {
                    let done = fixture.run(line)?;
                    ensure!(done.code == 0, "{flavour}: {done:?}");
                    Ok(done.stdout.contains("undelivered deletions are lost"))
                })
                .collect()
        };
        ensure!(warns()? == [false, false], "{flavour}: nothing was deleted yet");
        let done = paced(&fixture, "1").run(&DELETE_ALICE)?;
        ensure!(done.code == 0, "{flavour}: {done:?}");
        ensure!(warns()? == [true, true], "{flavour}: two are to be told");
        fixture.sql("update oban_jobs set state = 'completed'").await?;
        ensure!(warns()? == [false, false], "{flavour}: all are told");
    }
    Ok(())
}

#[tokio::test]
async fn a_plan_says_how_long_others_are_informed() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    prolific(&fixture, "alice", 70).await?;
    let words = ["user", "delete_activities", "alice", "--dry-run"];
    let reported = paced(&fixture, "1").run(&words)?.stdout;
    ensure!(reported.contains("notified over about 1m, at a rate of 1 per second"), "{reported}");
    ensure!(
        reported.contains("do not deactivate or remove the account before the end"),
        "{reported}"
    );
    let reported = paced(&fixture, "2").run(&words)?.stdout;
    ensure!(!reported.contains("notified over"), "{reported}");
    Ok(())
}

//! `runs pause | resume | cancel | retry | watch` of runs in every state.

use std::fmt::Write as _;

use anyhow::Result;
use testkit::Flavour;

use super::{Fixture, redacted};

/// Each status, with a statement that puts the only run into it.
const STATES: [(&str, &str); 7] = [
    (
        "queued",
        "update ostrakon.runs set status = 'queued', lease_owner = null, lease_expires_at = null,
         control = 'run', finished_at = null",
    ),
    (
        "running",
        "update ostrakon.runs set status = 'running', lease_owner = 'worker',
         lease_expires_at = now() + interval '1 h', control = 'run', finished_at = null",
    ),
    ("paused", "update ostrakon.runs set status = 'paused', finished_at = null"),
    ("succeeded", "update ostrakon.runs set status = 'succeeded', finished_at = now()"),
    ("failed", "update ostrakon.runs set status = 'failed', finished_at = now()"),
    ("cancelled", "update ostrakon.runs set status = 'cancelled', finished_at = now()"),
    (
        "incomplete",
        "insert into ostrakon.parked_items (run_id, item, reason, cursor)
         select id, 'a post', 'spoilt', '{}' from ostrakon.runs on conflict do nothing;
         update ostrakon.runs set status = 'incomplete', parked = 1, finished_at = now()",
    ),
];

async fn fixture() -> Result<(Fixture, String)> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    let id = fixture.queue("user delete_activities alice --yes")?;
    Ok((fixture, id))
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "what is told of each wish in each state")]
async fn every_wish_in_every_state() -> Result<()> {
    let _redacted = redacted();
    let (fixture, id) = fixture().await?;
    let server = fixture.rows().await?.0;
    let mut reported = String::new();
    for (state, statement) in STATES {
        for verb in ["pause", "resume", "cancel", "retry"] {
            fixture.sql(statement).await?;
            let before = fixture.ledger().await?;
            let done = fixture.run(&format!("jobs {verb} {id}"))?;
            let after = fixture.ledger().await?;
            assert_eq!(done.code != 0, before == after, "{verb} of {state}: {done:?}");
            let status = after[0]["status"].as_str().unwrap_or_default();
            let control = after[0]["control"].as_str().unwrap_or_default();
            let transcript = done.transcript();
            write!(reported, "{verb} {state} -> {status}, {control}\n{transcript}")?;
        }
    }
    assert!(server == fixture.rows().await?.0);
    insta::assert_snapshot!(reported, @"
    pause queued -> paused, run
    out| Run <run> is paused (0 of 1 item done).
    exit 0
    resume queued -> queued, run
    err| error: run <run> is queued: it cannot be resumed
    exit 4
    cancel queued -> cancelled, run
    out| Run <run> is cancelled (0 of 1 item done).
    exit 0
    retry queued -> queued, run
    err| error: run <run> is queued: it cannot be tried again
    exit 4
    pause running -> running, pause
    out| Run <run> will pause at the end of its batch (0 of 1 item done).
    exit 0
    resume running -> running, run
    out| Run <run> continues (0 of 1 item done).
    exit 0
    cancel running -> running, cancel
    out| Run <run> will stop at the end of its batch (0 of 1 item done).
    exit 0
    retry running -> running, run
    err| error: run <run> is running: it cannot be tried again
    exit 4
    pause paused -> paused, run
    err| error: run <run> is already paused
    exit 4
    resume paused -> queued, run
    out| Run <run> is queued again; a worker will continue it (0 of 1 item done).
    err| warning: NOTHING IS DONE YET, no worker is running: start one with `ostrakon worker`, or repeat the command that asked for the run with --inline
    exit 0
    cancel paused -> cancelled, run
    out| Run <run> is cancelled (0 of 1 item done).
    exit 0
    retry paused -> paused, run
    err| error: run <run> is paused: it cannot be tried again; resume it: ostrakon runs resume <run>
    exit 4
    pause succeeded -> succeeded, run
    err| error: run <run> has succeeded: it cannot be paused
    exit 4
    resume succeeded -> succeeded, run
    err| error: run <run> has succeeded: it cannot be resumed
    exit 4
    cancel succeeded -> succeeded, run
    err| error: run <run> has succeeded: it cannot be cancelled
    exit 4
    retry succeeded -> succeeded, run
    err| error: run <run> has succeeded: it cannot be tried again; nothing of it is left
    exit 4
    pause failed -> failed, run
    err| error: run <run> has failed: it cannot be paused
    exit 4
    resume failed -> failed, run
    err| error: run <run> has failed: it cannot be resumed; retry it: ostrakon runs retry <run>
    exit 4
    cancel failed -> failed, run
    err| error: run <run> has failed: it cannot be cancelled
    exit 4
    retry failed -> queued, run
    out| Run <run> is queued again; a worker will retry all that is left, parked items included (0 of 1 item done).
    err| warning: NOTHING IS DONE YET, no worker is running: start one with `ostrakon worker`, or repeat the command that asked for the run with --inline
    exit 0
    pause cancelled -> cancelled, run
    err| error: run <run> was cancelled: it cannot be paused
    exit 4
    resume cancelled -> cancelled, run
    err| error: run <run> was cancelled: it cannot be resumed; retry it: ostrakon runs retry <run>
    exit 4
    cancel cancelled -> cancelled, run
    err| error: run <run> was already cancelled
    exit 4
    retry cancelled -> queued, run
    out| Run <run> is queued again; a worker will retry all that is left, parked items included (0 of 1 item done).
    err| warning: NOTHING IS DONE YET, no worker is running: start one with `ostrakon worker`, or repeat the command that asked for the run with --inline
    exit 0
    pause incomplete -> incomplete, run
    err| error: run <run> is incomplete: it cannot be paused
    exit 4
    resume incomplete -> incomplete, run
    err| error: run <run> is incomplete: it cannot be resumed; retry it: ostrakon runs retry <run>
    exit 4
    cancel incomplete -> incomplete, run
    err| error: run <run> is incomplete: it cannot be cancelled
    exit 4
    retry incomplete -> queued, run
    out| Run <run> is queued again; a worker will retry all that is left, parked items included (0 of 1 item done, 1 parked).
    err| warning: NOTHING IS DONE YET, no worker is running: start one with `ostrakon worker`, or repeat the command that asked for the run with --inline
    exit 0
    ");
    Ok(())
}

#[tokio::test]
async fn a_run_is_not_tried_again_beside_another() -> Result<()> {
    let _redacted = redacted();
    let (fixture, id) = fixture().await?;
    fixture.run(&format!("runs cancel {id}"))?;
    fixture.queue("user delete_activities alice --yes")?;
    let done = fixture.refused(&format!("runs retry {id}")).await?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: run <run> is unfinished and does the same work: nothing to try again
    exit 4
    ");
    Ok(())
}

#[tokio::test]
async fn a_cancelled_run_goes_on_where_it_stopped() -> Result<()> {
    let (fixture, id) = fixture().await?;
    fixture.run(&format!("runs cancel {id}"))?;
    fixture.run(&format!("runs retry {id}"))?;
    let (code, run) = fixture.json("user delete_activities alice --yes --inline")?;
    assert_eq!((code, run["run_id"].as_str()), (0, Some(id.as_str())), "{run}");
    assert_eq!(run["status"], "succeeded");
    Ok(())
}

#[tokio::test]
async fn the_end_is_shown_to_those_who_watch() -> Result<()> {
    let _redacted = redacted();
    let (fixture, id) = fixture().await?;
    let mut reported = String::new();
    let watch = format!("runs watch {id} --wait-timeout 300ms");
    for (state, statement) in STATES {
        fixture.sql(statement).await?;
        write!(reported, "{state}\n{}", fixture.refused(&watch).await?.transcript())?;
    }
    fixture.sql("update ostrakon.runs set status = 'failed', last_error = 'no such table'").await?;
    write!(reported, "with a reason\n{}", fixture.refused(&watch).await?.transcript())?;
    insta::assert_snapshot!(reported, @"
    queued
    err| error: run <run> did not finish within 300ms and was left as it is; follow it with: ostrakon runs watch <run>
    exit 7
    running
    err| error: run <run> did not finish within 300ms and was left as it is; follow it with: ostrakon runs watch <run>
    exit 7
    paused
    err| Run <run> is paused; resume it with: ostrakon runs resume <run>
    err| error: run <run> did not finish within 300ms and was left as it is; follow it with: ostrakon runs watch <run>
    exit 7
    succeeded
    out| Run <run> (delete_activities alice) is done.
    exit 0
    failed
    err| error: run <run> has failed: no reason was noted
    err| 0 of 1 item done; what was committed stays. Fix the cause, then retry what is left, parked items included: ostrakon runs retry <run>
    exit 1
    cancelled
    err| error: run <run> was cancelled: 0 of 1 item done; what was committed stays
    exit 1
    incomplete
    err| error: run <run> is incomplete: 0 of 1 item done, 1 parked; see: ostrakon runs show <run>
    err| Fix the causes, then: ostrakon runs retry <run>
    exit 6
    with a reason
    err| error: run <run> has failed: no such table
    err| 0 of 1 item done, 1 parked; what was committed stays. Fix the cause, then retry what is left, parked items included: ostrakon runs retry <run>
    exit 1
    ");
    // With a time-out, the command that queues ends with the same exit code as `watch`.
    fixture.sql("update ostrakon.runs set status = 'cancelled'").await?;
    let done = fixture.run("user delete_activities alice --yes --wait --wait-timeout 300ms")?;
    assert_eq!(done.code, 7, "{done:?}");
    Ok(())
}

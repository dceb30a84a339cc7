//! A use case from the request to the end, without a command line.

use anyhow::{Result, ensure};
use ostrakon_engine::{Status, ledger};
use ostrakon_jobs::{DeactivateInstance, RepairCounters, deactivate_instance::Host};
use testkit::{Database, Flavour, World};

use super::*;
use crate::{session::Session, settings};

/// A session on a database with a ledger and an account whose counters are wrong.
async fn session(database: &Database) -> Result<Session> {
    ledger::migrate(&mut *database.pool().acquire().await?).await?;
    World::new(database).local("alice").await?;
    sqlx::query("update users set note_count = 7").execute(&database.pool()).await?;
    let settings = settings::with_variables(&[("OSTRAKON_DATABASE_URL", database.url())])?;
    Session::connect(settings).await.map_err(|failure| anyhow::anyhow!("{failure}"))
}

fn job() -> RepairCounters {
    RepairCounters { subject: "all active local accounts".to_owned(), account: None, hosts: false }
}

fn ok<T>(done: Result<T, Failure>) -> Result<T> {
    done.map_err(|failure| anyhow::anyhow!("{failure}"))
}

#[tokio::test]
async fn a_request_is_planned_enqueued_done_and_watched() -> Result<()> {
    let database = Database::create(Flavour::Pleroma).await?;
    let session = session(&database).await?;
    let server = ok(session.server().await)?;
    let planned = ok(plan(&session, &server, job().into(), Vec::new()).await)?;
    ensure!(planned.plan.total == 1, "{:?}", planned.plan);
    let requester = Requester { reason: Some("a test"), inline: true, overridden: None };
    let enqueued = ok(enqueue_one(&session, &server, planned.clone(), requester).await)?;
    let Enqueued { outcome: Outcome::New(id), .. } = enqueued else {
        anyhow::bail!("it was not queued");
    };
    // The same request again is taken over, not doubled.
    let again = ok(enqueue_one(&session, &server, planned.clone(), requester).await)?;
    let taken = again.outcome;
    ensure!(matches!(taken, Outcome::TakenOver(other) if other == id));

    let mut progress = 0;
    let mut count = |event: InlineEvent<'_>| {
        progress += u32::from(matches!(event, InlineEvent::Progress(_)));
    };
    let mut interrupts = ok(Interrupts::listen(None))?;
    let run = run_inline(&session, &server, &planned.job, &id, &mut interrupts, &mut count).await;
    ensure!(ok(run)?.status == Status::Succeeded);
    ensure!(progress > 0, "no progress was reported");

    let mut watch = Watch::new(&session, &id);
    let finished = loop {
        if let WatchEvent::Finished(run) = ok(watch.next().await)? {
            break run;
        }
    };
    ensure!(finished.id == id && finished.reason.as_deref() == Some("a test"));
    let view = serde_json::to_value(RunView::of(&finished))?;
    ensure!(view["plan"][0]["items"] == 1 && view["reason"] == "a test", "{view}");
    let notes: i32 =
        sqlx::query_scalar("select note_count from users").fetch_one(&database.pool()).await?;
    ensure!(notes == 0, "{notes}");
    Ok(())
}

#[tokio::test]
async fn a_conflicting_run_is_sorted_out_and_can_be_controlled() -> Result<()> {
    let database = Database::create(Flavour::Pleroma).await?;
    let session = session(&database).await?;
    let server = ok(session.server().await)?;
    let planned = ok(plan(&session, &server, job().into(), Vec::new()).await)?;
    let requester = Requester { reason: None, inline: false, overridden: None };
    let enqueued = ok(enqueue_one(&session, &server, planned.clone(), requester).await)?;
    let Enqueued { outcome: Outcome::New(id), .. } = enqueued else {
        anyhow::bail!("it was not queued");
    };
    let sorted = ok(triage(&session, vec![planned.clone()], false).await)?;
    ensure!(sorted.to_do.is_empty() && sorted.already[0].1.id == id, "{sorted:?}");
    ok(pause(&session, &id).await)?;
    ensure!(ok(find(&session, &id).await)?.status == Status::Paused);
    ensure!(ok(resume(&session, &id).await)? == Status::Queued);
    ok(cancel(&session, &id).await)?;
    ok(retry(&session, &id).await)?;
    ensure!(ok(find(&session, &id).await)?.status == Status::Queued);
    Ok(())
}

#[tokio::test]
async fn each_run_has_what_its_list_says_in_its_reason() -> Result<()> {
    let database = Database::create(Flavour::Pleroma).await?;
    let session = session(&database).await?;
    let server = ok(session.server().await)?;
    let mut list = Vec::new();
    for (host, comment) in [("a.example", Some("spam")), ("b.example", None)] {
        let host = Host::parse(host)?;
        let mut planned =
            ok(plan(&session, &server, DeactivateInstance::new(host, false, None).into(), vec![])
                .await)?;
        planned.comment = comment.map(str::to_owned);
        list.push(planned);
    }
    let [first, second] = [None, Some("weekly list")];
    for (reason, expected) in
        [(first, [Some("spam"), None]), (second, [Some("weekly list: spam"), Some("weekly list")])]
    {
        let requester = Requester { reason, inline: false, overridden: None };
        for (enqueued, expected) in
            ok(enqueue_group(&session, &server, list.clone(), "2 hosts", requester).await)?
                .1
                .iter()
                .zip(expected)
        {
            let Outcome::New(id) = &enqueued.outcome else { anyhow::bail!("{enqueued:?}") };
            let run = ok(find(&session, id).await)?;
            ensure!(run.reason.as_deref() == expected, "{:?}", run.reason);
            ok(cancel(&session, id).await)?;
        }
    }
    Ok(())
}

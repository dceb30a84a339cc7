//! Very many runs in the ledger slow nothing down: a statement about the ledger reads no more rows
//! than it returns, plus those that it has to skip.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ostrakon_engine::{
    Class, PlanSummary, Status,
    ledger::{self, NewRun, RunFilter},
};
use serde_json::{Value, json};
use sqlx::PgConnection;
use testkit::{Database, Flavour};

use super::{
    explain::{Plans, reporting, rows_read, statement},
    stage::Stage,
};

/// As many queued long runs as successful ones. The first queued runs have just been announced, as
/// many as Redis holds.
const FILL: &str = "
    insert into ostrakon.runs (id, job, class, payload, subject, dedupe_key, status, plan, total, requested_by,
        created_at, available_at, notified_at, finished_at)
    select '01' || lpad(n::text, 24, '0'), 'deactivate_instance', 'long', '{}', 'host' || n, 'host' || n,
           case when n % 2 = 0 then 'queued' else 'succeeded' end,
           '{\"counts\": [], \"notes\": [], \"total\": 0}', 0, 'test',
           now() - interval '1 hour', now() - interval '1 hour' + n * interval '1 ms',
           case when n % 2 = 0 and n <= 2000 then clock_timestamp() end, case when n % 2 = 1 then now() end
    from generate_series(1, 40000) as n;
    insert into ostrakon.groups (id, job, subject, requested_by)
    select '02' || lpad(n::text, 24, '0'), 'delete_user', '1,000 accounts', 'test' from generate_series(1, 10) as n;
    insert into ostrakon.runs (id, job, class, payload, subject, dedupe_key, status, plan, total, requested_by, group_id)
    select '03' || lpad(n::text, 24, '0'), 'delete_user', 'long', '{}', 'user' || n, 'user' || n, 'queued',
           '{\"counts\": [], \"notes\": [], \"total\": 0}', 0, 'test', '02' || lpad((1 + n % 10)::text, 24, '0')
    from generate_series(1, 10000) as n;
    insert into ostrakon.run_events (run_id, event, actor) select id, 'queued', 'test' from ostrakon.runs;
    vacuum analyze ostrakon.runs; vacuum analyze ostrakon.run_events";

/// Rows that a statement may read: the announced runs, and a page of other runs.
const ROWS: f64 = 1_210.0;

const TIMEOUT: Duration = Duration::from_mins(10);

/// Executes what commands, workers and the reconciler execute.
async fn use_ledger(db: &mut PgConnection) -> Result<()> {
    let due = ledger::due(db, "long", TIMEOUT, 200).await?;
    let (single, grouped): (Vec<_>, Vec<_>) = due.iter().partition(|run| run.group_id.is_none());
    ensure!(single.len() == 200, "{} single long runs are due", single.len());
    ensure!(grouped.len() == 10, "{} runs of 10 groups are due", grouped.len());
    let first = due.first().context("nothing is due")?.id.clone();
    ensure!(ledger::due(db, "short", TIMEOUT, 200).await?.is_empty());
    let plan = PlanSummary { counts: vec![], notes: vec![], total: 1, cursor: Value::Null };
    let new = NewRun {
        job: "activate_user",
        class: Class::Short,
        payload: json!({}),
        subject: "alice",
        dedupe_key: "alice",
        plan: &plan,
        requested_by: "test",
        reason: None,
        group_id: None,
        held: false,
        overridden: None,
    };
    let alice = [new];
    ledger::enqueue(db, &alice).await?;
    ledger::enqueue(db, &alice).await?;
    let [new] = alice;
    ledger::enqueue(db, &[NewRun { dedupe_key: "bob", ..new }]).await?;
    let short = ledger::due(db, "short", TIMEOUT, 200).await?;
    ensure!(short.len() == 2, "{} short runs are due", short.len());
    let keys = ["alice".to_owned(), "bob".to_owned()];
    ensure!(ledger::unfinished_among(db, &keys).await?.len() == 2);
    ledger::mark_notified(db, std::slice::from_ref(&first)).await?;
    let claim = ledger::claim(db, &first, "worker", Stage::LONG_LEASE).await?;
    ledger::renew(db, &claim.context("it is not due")?, Stage::LONG_LEASE).await?;
    let group = format!("02{:024}", 7);
    let next = ledger::next_of_group(db, Class::Long, &group).await?.context("nothing is next")?;
    ledger::claim(db, &next.id, "worker", Stage::LONG_LEASE)
        .await?
        .context("it is not its turn")?;
    let other = ledger::next_of_group(db, Class::Long, &group).await?.context("nothing is next")?;
    ensure!(ledger::claim(db, &other.id, "worker", Stage::LONG_LEASE).await?.is_none());
    ledger::single_runs_waiting(db, Class::Long, Some(Duration::ZERO), 20).await?;
    ledger::find(db, &first).await?.context("it is gone")?;
    ledger::find_all(db, std::slice::from_ref(&first)).await?;
    ledger::events(db, &first).await?;
    ledger::parked_items(db, &first).await?;
    for (status, job) in [
        (None, None),
        (Some(Status::Failed), None),
        (Some(Status::Queued), None),
        (None, Some("activate_user")),
        (Some(Status::Queued), Some("activate_user")),
    ] {
        let job = job.map(str::to_owned);
        ledger::list(db, &RunFilter { status, job, limit: 50, ..RunFilter::default() }).await?;
    }
    Ok(())
}

#[tokio::test]
async fn very_many_runs_slow_nobody_down() -> Result<()> {
    let database = Database::create(Flavour::Pleroma).await?;
    let url = database.url().to_owned();
    let stage = Stage::on(database).await?;
    for part in FILL.split_inclusive(';') {
        sqlx::query(part).execute(&stage.pool()).await?;
    }
    let pool = reporting(&url, "set auto_explain.log_analyze = on").await?;
    let mut db = pool.acquire().await?;
    let (plans, collecting) = Plans::collect();
    use_ledger(&mut db).await?;
    drop(collecting);
    let plans = plans.take();
    ensure!(plans.len() >= 20, "only {} plans were reported", plans.len());
    for plan in plans {
        let rows = rows_read(&plan);
        ensure!(rows <= ROWS, "{rows} rows are read by {}:\n{plan:#}", statement(&plan));
    }
    Ok(())
}

//! Point 8: on a database of some size, no statement of a batch reads a whole table of the server,
//! and the walk over an account's history needs no sort.
//!
//! And the statement that locks the host's row in `counter_cache` comes last but for what has to.
//!
//! The plans are those that PostgreSQL really used, as its module `auto_explain` reports them.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use kenoma_jobs::{
    AnyJob, DeactivateInstance, DeleteActivities, DeleteUser, deactivate_instance::Host,
    engine::Ended,
};
use serde_json::Value;
use sqlx::{Connection as _, Executor as _, PgConnection, postgres::PgPoolOptions};
use testkit::{Community, Database, Flavour};
use tracing::{Event, Subscriber, field::Visit};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

use super::stage::Stage;

/// Asks PostgreSQL to report each statement's plan to the client, and to read a table whole only
/// where there is no other way: this community's tables are small, those of a server are not.
const REPORT_PLANS: &str = "load 'auto_explain';
    set enable_seqscan = off;
    set auto_explain.log_min_duration = 0;
    set auto_explain.log_format = 'json';
    set auto_explain.log_level = 'notice';
    set client_min_messages = 'notice'";

/// Plan and recount of `deactivate_instance` read all accounts once: there is no index on the host
/// of a nickname.
const ONCE: [&str; 3] = [
    "where u.is_active and u.id <= $4",
    "where not (u.is_active)",
    // So does the plan of `delete_user`, for another admin.
    "as other_admin",
];

/// Collects the plans that PostgreSQL reports.
#[derive(Clone, Default)]
struct Plans(Arc<Mutex<Vec<Value>>>);

impl<S: Subscriber> Layer<S> for Plans {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if event.metadata().target() == "sqlx::postgres::notice" {
            event.record(&mut self.clone());
        }
    }
}

impl Visit for Plans {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, _field: &tracing::field::Field, text: &str) {
        let Some((_, plan)) = text.split_once("plan:\n") else { return };
        if let Ok(plan) = serde_json::from_str(plan) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(plan);
        }
    }
}

/// Has the row of the host in `counter_cache` say so when it is written, among the plans: before
/// that of the statement which writes it.
const REPORT_COUNTER: &str = r#"create function report() returns trigger language plpgsql as $$
    begin
        raise notice E'plan:\n{"Query Text": "counter_cache"}';
        return new;
    end $$;
    create trigger report before update on counter_cache for each row execute function report()"#;

/// Does a job on a community, and hands over the plans of its statements.
async fn plans_of(job: AnyJob) -> Result<Vec<Value>> {
    let database = Database::create(Flavour::Pleroma).await?;
    let community = Community {
        posts: 4_000,
        local_accounts: 100,
        other_accounts: 3_000,
        spam_accounts: 1_000,
    };
    community.seed(&mut PgConnection::connect(database.url()).await?).await?;
    database.pool().execute(REPORT_COUNTER).await?;
    let reporting = PgPoolOptions::new()
        .max_connections(2)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(REPORT_PLANS).await?;
                Ok(())
            })
        })
        .connect(database.url())
        .await?;
    let stage = Stage::on(database).await?.with_batches(reporting, 100);
    let id = stage.enqueue(&job).await?;
    let plans = Plans::default();
    let collecting =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(plans.clone()));
    let ended = stage.run(&job, &id).await?;
    drop(collecting);
    ensure!(ended == Ended::Succeeded, "{ended:?}");
    let plans = plans.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ensure!(plans.len() > 20, "only {} plans were reported", plans.len());
    Ok(plans)
}

/// Lists a plan's nodes as (type, table).
fn nodes(plan: &Value) -> Vec<(String, String)> {
    let text = |field: &str| plan[field].as_str().unwrap_or_default().to_owned();
    let own = (text("Node Type"), text("Relation Name"));
    let below = plan["Plans"].as_array().into_iter().flatten().flat_map(nodes);
    [own].into_iter().chain(below).collect()
}

/// Lists the tables that statements read from end to end.
fn tables_read_whole(plans: &[Value]) -> Result<Vec<String>> {
    let mut tables = Vec::new();
    for plan in plans {
        let statement = plan["Query Text"].as_str().context("no statement")?;
        // Our own tables hold a row or two.
        if statement.contains("kenoma.") || ONCE.iter().any(|once| statement.contains(once)) {
            continue;
        }
        let read = nodes(&plan["Plan"]).into_iter().filter(|(node, _)| node == "Seq Scan");
        tables.extend(read.map(|(_, table)| format!("{table} by {statement}")));
    }
    Ok(tables)
}

fn delete_activities() -> AnyJob {
    let actor = format!("{}/users/{}", Community::BASE, Community::PROLIFIC);
    let nickname = Community::PROLIFIC.to_owned();
    DeleteActivities { nickname, actor, remote: false, via_server: false }.into()
}

#[tokio::test]
async fn delete_activities_reads_no_table_whole_and_sorts_no_history() -> Result<()> {
    let plans = plans_of(delete_activities()).await?;
    let whole = tables_read_whole(&plans)?;
    assert!(whole.is_empty(), "{}", whole.join("\n"));
    let mut walks = 0;
    for plan in &plans {
        if plan["Query Text"].as_str().is_some_and(|text| text.contains("a.id nulls first")) {
            walks += 1;
            let nodes = nodes(&plan["Plan"]);
            assert!(nodes.iter().all(|(node, _)| !node.contains("Sort")), "{nodes:?}");
        }
    }
    assert!(walks > 10, "{walks} batches");
    Ok(())
}

#[tokio::test]
async fn delete_activities_locks_the_counter_last() -> Result<()> {
    let plans = plans_of(delete_activities()).await?;
    let texts: Vec<&str> = plans.iter().filter_map(|plan| plan["Query Text"].as_str()).collect();
    let mut batches = 0;
    for batch in texts.split(|text| text.contains("set_config('lock_timeout'")) {
        let Some(locked) = batch.iter().position(|text| *text == "counter_cache") else { continue };
        batches += 1;
        let since: Vec<&str> =
            batch[locked..].iter().copied().filter(|text| *text != "counter_cache").collect();
        let [removal, checkpoint] = since.as_slice() else { panic!("{since:#?}") };
        assert!(removal.contains("delete from public.activities a where a.id = any"), "{removal}");
        assert!(checkpoint.contains("update kenoma.runs set cursor"), "{checkpoint}");
    }
    assert!(batches > 10, "{batches} batches");
    Ok(())
}

#[tokio::test]
async fn deactivate_instance_reads_no_table_whole() -> Result<()> {
    let job = DeactivateInstance {
        host: Host::parse(Community::SPAM_HOST)?,
        include_subdomains: false,
        on_behalf_of: None,
    };
    let whole = tables_read_whole(&plans_of(job.into()).await?)?;
    assert!(whole.is_empty(), "{}", whole.join("\n"));
    Ok(())
}

#[tokio::test]
async fn delete_user_reads_no_table_whole() -> Result<()> {
    let job = DeleteUser {
        nickname: Community::PROLIFIC.to_owned(),
        actor: format!("{}/users/{}", Community::BASE, Community::PROLIFIC),
        thorough: false,
        federate_posts: false,
        force: false,
        on_behalf_of: None,
    };
    let whole = tables_read_whole(&plans_of(job.into()).await?)?;
    assert!(whole.is_empty(), "{}", whole.join("\n"));
    Ok(())
}

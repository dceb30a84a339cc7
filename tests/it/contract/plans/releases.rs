//! Plans on releases whose statements have another form, or whose tables have other indexes.

use anyhow::Result;
use ostrakon_jobs::{AnyJob, ConfirmAll, DeactivateInstance, deactivate_instance::Host};
use serde_json::Value;
use testkit::{Community, Database, Release, Tables, snapshot};

use super::{
    super::{
        explain::{nodes, reporting},
        stage::Stage,
    },
    SETTINGS, community, delete_user, plans_on, reads_few_rows, reads_no_table_whole,
    sorts_no_history,
};

/// Tables without an index on the account or the activity whose rows they hold. The former have few
/// rows, and are read once in a run; a plan names the latter (`cli::missing_index`).
const WITHOUT_INDEX: &str = "select c.relname::text from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname in ('user_id', 'activity_id')
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and not exists (select from pg_index i where i.indrelid = c.oid and i.indkey[0] = a.attnum)";

fn reads_whole(plan: &Value, tables: &[String]) -> bool {
    nodes(plan).into_iter().any(|node| {
        node["Node Type"] == "Seq Scan"
            && tables.iter().any(|table| node["Relation Name"] == **table)
    })
}

/// Does the jobs that use most statements, one after the other.
async fn all_are_planned_well_on(name: &str) -> Result<()> {
    let seeded = community().await?;
    // Not every release has chats.
    sqlx::raw_sql("update objects set data = data || '{\"type\": \"Note\"}' where data ->> 'type' = 'ChatMessage'")
        .execute(&seeded.pool())
        .await?;
    let mut rows = snapshot(&seeded.pool()).await?;
    let database = Database::of_release(Release::named(name)?).await?;
    Tables::of(&database).await?.adapt(&mut rows);
    rows.load(&database.pool()).await?;
    sqlx::raw_sql("vacuum analyze").execute(&database.pool()).await?;
    let without_index: Vec<String> =
        sqlx::query_scalar(WITHOUT_INDEX).fetch_all(&database.pool()).await?;
    let reporting = reporting(database.url(), SETTINGS).await?;
    let stage = Stage::on(database).await?.with_batches(reporting, 25);
    let host = DeactivateInstance::new(Host::parse(Community::SPAM_HOST)?, false, None);
    let jobs: [AnyJob; 3] = [ConfirmAll::new(None).into(), host.into(), delete_user(true)];
    for job in &jobs {
        let mut plans = plans_on(&stage, job).await?;
        plans.retain(|plan| !reads_whole(plan, &without_index));
        reads_no_table_whole(&plans)?;
        reads_few_rows(&plans)?;
        if job.name() == "delete_user" {
            sorts_no_history(&plans)?;
        }
    }
    Ok(())
}

/// Defines a test for each form of the statements, and for each set of indexes.
macro_rules! planned_well {
    ($($test:ident: $release:literal,)+) => {
        $(#[tokio::test]
        async fn $test() -> Result<()> {
            all_are_planned_well_on($release).await
        })+
    };
}

planned_well! {
    pleroma_2_2: "pleroma-2.2",
    pleroma_2_4: "pleroma-2.4",
    pleroma_2_6: "pleroma-2.6",
    pleroma_2_10: "pleroma-2.10",
    akkoma_3_10: "akkoma-3.10",
    akkoma_3_16: "akkoma-3.16",
    akkoma_3_19: "akkoma-3.19",
    akkoma_3_20: "akkoma-3.20",
}

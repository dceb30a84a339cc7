//! The recount: counts by statements that are not ostrakon's.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use sqlx::PgConnection;
use testkit::{
    console::{show, show_table, thousands},
    flake_text,
};
use uuid::Uuid;

/// Records everything that the recount needs later.
pub(super) async fn note_before(db: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql(include_str!("before.sql")).execute(db).await?;
    Ok(())
}

/// Counts again and shows every count.
///
/// # Errors
/// If any figure is wrong.
pub(super) async fn judge(db: &mut PgConnection) -> Result<()> {
    // Named columns only: statistics of the server's expression indexes take seconds.
    sqlx::raw_sql("analyze public.activities (id), public.objects (id), public.users (id)")
        .execute(&mut *db)
        .await?;
    let mut counts: Vec<(String, i64, i64)> =
        sqlx::query_as(include_str!("recount.sql")).fetch_all(&mut *db).await?;
    counts.extend(publishing(db).await?);
    let wrong = counts.iter().filter(|(_, expected, found)| expected != found).count();
    let rows: Vec<Vec<String>> = counts
        .into_iter()
        .map(|(what, expected, found)| {
            let verdict = if expected == found { "right" } else { "WRONG" };
            vec![what, thousands(expected), thousands(found), verdict.to_owned()]
        })
        .collect();
    show_table(&["RECOUNT", "EXPECTED", "FOUND", ""], &rows);
    if wrong > 0 {
        bail!("the recount found {wrong} figures that are wrong");
    }
    show(format!("All {} figures are right.", rows.len()));
    Ok(())
}

/// Checks that each Delete and each Undo has one job that federates it, and that there are no other
/// such jobs.
async fn publishing(db: &mut PgConnection) -> Result<[(String, i64, i64); 2]> {
    let made: Vec<Uuid> = sqlx::query_scalar(
        "select a.id from public.activities a join public.users u on u.ap_id = a.actor
         where u.nickname = 'prolific' and a.data ->> 'type' in ('Delete', 'Undo')",
    )
    .fetch_all(&mut *db)
    .await?;
    let reported: Vec<String> = sqlx::query_scalar(
        "select coalesce(args ->> 'activity_id', '') from public.oban_jobs
         where worker = 'Pleroma.Workers.PublisherWorker' and args ->> 'op' = 'publish'",
    )
    .fetch_all(db)
    .await?;
    let made: BTreeSet<String> = made.into_iter().map(flake_text).collect();
    let distinct: BTreeSet<&String> = reported.iter().collect();
    let matching = distinct.into_iter().filter(|id| made.contains(*id)).count();
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    Ok([
        ("publish jobs".to_owned(), count(made.len()), count(reported.len())),
        ("Deletes and Undos with a publish job".to_owned(), count(made.len()), count(matching)),
    ])
}

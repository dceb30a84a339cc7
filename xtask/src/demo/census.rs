//! Number of rows per table, before and after.

use std::collections::BTreeMap;

use anyhow::Result;
use sqlx::PgConnection;
use testkit::console::{show_table, thousands};

/// Number of rows by table, or by table and type.
pub(crate) type Census = BTreeMap<String, i64>;

/// Counts all rows.
pub(crate) async fn take(db: &mut PgConnection) -> Result<Census> {
    let rows: Vec<(String, i64)> = sqlx::query_as(include_str!("census.sql")).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}

/// Shows the numbers before and after; tables that are empty in both are left out.
pub(super) fn compare(before: &Census, after: &Census) {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .filter_map(|name| {
            let count = |census: &Census| census.get(name).copied().unwrap_or(0);
            let (was, is) = (count(before), count(after));
            let change = if is == was { String::new() } else { format!("{:+}", is - was) };
            (was > 0 || is > 0).then(|| vec![name.clone(), thousands(was), thousands(is), change])
        })
        .collect();
    show_table(&["ROWS", "BEFORE", "AFTER", "CHANGE"], &rows);
}

//! The server's rows: they must equal those of the undisturbed twin, and bystanders' rows must be
//! unchanged.

use anyhow::Result;
use serde_json::Value;
use sqlx::PgPool;
use testkit::{State, compare, snapshot};

use crate::community::Community;
use crate::task::BYSTANDER;

/// Maximum number of differences shown; one is bad enough.
const REPORTED: usize = 5;

/// Minimum number of bystanders' rows.
const BYSTANDERS: usize = 50;

pub(super) async fn judge(community: &Community, db: &PgPool) -> Result<Vec<String>> {
    let after = snapshot(db).await?;
    let differences = compare(&community.before, &community.after, &after);
    let mut violations: Vec<String> = differences
        .iter()
        .take(REPORTED)
        .map(|difference| format!("not as undisturbed: {difference}"))
        .collect();
    if differences.len() > REPORTED {
        violations.push(format!("not as undisturbed: {} more", differences.len() - REPORTED));
    }
    let (before, after) = (bystanders(&community.before), bystanders(&after));
    if before.len() < BYSTANDERS {
        violations.push(format!("only {} rows are there to be left alone", before.len()));
    }
    if before != after {
        violations.push(format!(
            "rows that were to be left alone: {} before, {} after, or changed",
            before.len(),
            after.len()
        ));
    }
    Ok(violations)
}

fn bystanders(state: &State) -> Vec<(&str, &Value)> {
    let rows =
        state.tables().flat_map(|table| state.rows(table).iter().map(move |row| (table, row)));
    // Confirming all accounts also touches theirs. Unconfirming and confirming them again leaves
    // them as they were, except for the times.
    rows.filter(|(table, row)| {
        *table != "users" && *table != "oban_jobs" && row.to_string().contains(BYSTANDER)
    })
    .collect()
}

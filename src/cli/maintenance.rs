//! Readable report on the tables after a large run.

use crate::numbers::{counted, thousands};
use ostrakon_engine::{
    Analyzed, MAINTENANCE, Maintenance, TableMaintenance,
    ledger::{self, Event},
};

use super::{Failure, Output};
use crate::session::Session;

/// Lines about the tables from a maintenance event; empty for any other event.
pub(super) fn lines(event: &Event) -> Vec<String> {
    let care = if event.event == MAINTENANCE { Maintenance::of(&event.detail) } else { None };
    let Some(care) = care else { return Vec::new() };
    let tables = care.tables.iter().map(|table| line(table, &care.role));
    let advice = care.tables.iter().filter(|table| table.is_mostly_empty()).map(advice);
    tables.chain(advice).collect()
}

/// Reports the state of the tables after an inline run, if it was large.
pub(super) async fn tell(session: &Session, id: &str, output: Output) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    let events = ledger::events(&mut db, id).await?;
    let care = events.iter().rfind(|event| event.event == MAINTENANCE);
    for line in care.map(lines).unwrap_or_default() {
        output.note(line);
    }
    Ok(())
}

fn line(care: &TableMaintenance, role: &str) -> String {
    let TableMaintenance { table, dead_rows, reusable_bytes, .. } = care;
    let analyzed = match care.analyzed {
        Analyzed::Yes => "analyzed".to_owned(),
        Analyzed::NotAllowed => {
            format!("not analyzed, as the role {role} may not ANALYZE it; autovacuum will")
        }
        Analyzed::InUse => "not analyzed, as it was in use; autovacuum will".to_owned(),
        Analyzed::TooLong => "not analyzed, as it took too long; autovacuum will".to_owned(),
    };
    let dead = format!("{} {}", counted(*dead_rows, "dead rows"), space(*reusable_bytes));
    format!("{table}: {analyzed}; {dead}")
}

/// Estimated space of the dead rows, in parentheses.
fn space(bytes: i64) -> String {
    match size(bytes) {
        Some(size) => {
            format!("(about {size}, which new rows can use again after the next autovacuum)")
        }
        None => "(less than 1 MiB)".to_owned(),
    }
}

fn advice(care: &TableMaintenance) -> String {
    let size = size(care.reusable_bytes).unwrap_or_default();
    format!(
        "{table}: most of it is empty. VACUUM FULL {table} would return about {size} to the disk. \
         Meanwhile it blocks all reads and writes of the table, and needs free disk space for a \
         second copy of its rows. New rows can use the space without it",
        table = care.table
    )
}

/// Formats a size in whole MiB; `None` below 1 MiB.
fn size(bytes: i64) -> Option<String> {
    let mib = bytes / (1024 * 1024);
    (mib > 0).then(|| format!("{} MiB", thousands(mib)))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    fn reported(table: &serde_json::Value) -> Vec<String> {
        lines(&Event {
            at: DateTime::UNIX_EPOCH,
            event: MAINTENANCE.to_owned(),
            actor: "worker".to_owned(),
            database_user: None,
            detail: json!({ "role": "ostrakon", "tables": [table] }),
        })
    }

    #[test]
    fn a_table_that_is_mostly_empty_comes_with_the_price_of_its_space() {
        let gib = 1_i64 << 30;
        insta::assert_snapshot!(reported(&json!({
            "table": "public.objects", "analyzed": "yes", "dead_rows": 1_000_000,
            "bytes": gib, "reusable_bytes": gib / 4 * 3,
        })).join("\n"), @"
        public.objects: analyzed; 1,000,000 dead rows (about 768 MiB, which new rows can use again after the next autovacuum)
        public.objects: most of it is empty. VACUUM FULL public.objects would return about 768 MiB to the disk. Meanwhile it blocks all reads and writes of the table, and needs free disk space for a second copy of its rows. New rows can use the space without it
        ");
    }

    #[test]
    fn a_table_that_was_not_analyzed_says_why() {
        let lines: Vec<String> = ["not_allowed", "in_use", "too_long"]
            .into_iter()
            .flat_map(|analyzed| {
                reported(&json!({
                    "table": "public.users", "analyzed": analyzed, "dead_rows": 1,
                    "bytes": 8192, "reusable_bytes": 90,
                }))
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        public.users: not analyzed, as the role ostrakon may not ANALYZE it; autovacuum will; 1 dead row (less than 1 MiB)
        public.users: not analyzed, as it was in use; autovacuum will; 1 dead row (less than 1 MiB)
        public.users: not analyzed, as it took too long; autovacuum will; 1 dead row (less than 1 MiB)
        ");
    }
}

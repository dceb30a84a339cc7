//! The history of each run: replaying its events must lead to the run's present state.

use std::collections::BTreeMap;

use anyhow::Result;
use sqlx::{FromRow, PgPool};

#[derive(Debug, FromRow)]
struct Event {
    run_id: String,
    #[sqlx(rename = "event")]
    name: String,
    fence: Option<i64>,
}

#[derive(Debug, FromRow)]
struct Run {
    id: String,
    status: String,
    fence: i64,
    parked: i64,
}

/// State of a run after the events replayed so far.
#[derive(Debug, Default)]
struct Reported {
    status: &'static str,
    fence: i64,
    parked: i64,
    plans: u32,
    /// Whether the run has waited: claims that only check whether it may continue leave no event.
    waited: bool,
}

pub(super) async fn judge(db: &PgPool) -> Result<Vec<String>> {
    let events: Vec<Event> = sqlx::query_as(
        "select run_id, event, (detail ->> 'fence')::bigint as fence from ostrakon.run_events
         order by run_id, id",
    )
    .fetch_all(db)
    .await?;
    let runs: Vec<Run> =
        sqlx::query_as("select id, status, fence, parked from ostrakon.runs").fetch_all(db).await?;
    let mut stories: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in &events {
        stories.entry(&event.run_id).or_default().push(event);
    }
    let gaps = runs.iter().filter_map(|run| {
        let history = stories.get(run.id.as_str()).map_or(&[][..], Vec::as_slice);
        let gap = tell(history).and_then(|reported| reported.agrees_with(run)).err()?;
        let names: Vec<&str> = history.iter().map(|event| event.name.as_str()).collect();
        Some(format!("the history of run {} has a gap: {gap}: {names:?}", run.id))
    });
    Ok(gaps.collect())
}

fn tell(history: &[&Event]) -> Result<Reported, String> {
    let mut reported = Reported::default();
    for event in history {
        reported.go_on(event).map_err(|()| {
            format!("{} while it was {:?} at fence {}", event.name, reported.status, reported.fence)
        })?;
    }
    Ok(reported)
}

impl Reported {
    fn go_on(&mut self, event: &Event) -> Result<(), ()> {
        // The events do not show whether a waiting run is queued or being worked on.
        let may_stand =
            if self.status == "waiting" { ["running", "queued"] } else { [self.status; 2] };
        self.status =
            self.next(may_stand[0], event).or_else(|()| self.next(may_stand[1], event))?;
        Ok(())
    }

    fn next(&mut self, status: &'static str, event: &Event) -> Result<&'static str, ()> {
        Ok(match (status, event.name.as_str()) {
            ("queued", "started" | "resumed") | ("running", "taken_over") => {
                let fence = event.fence.ok_or(())?;
                if fence != self.fence + 1 && !(self.waited && fence > self.fence) {
                    return Err(());
                }
                self.fence = fence;
                "running"
            }
            ("running", "waiting") => {
                self.waited = true;
                "waiting"
            }
            ("running", "planned") => {
                self.plans += 1;
                if self.plans > 1 {
                    return Err(());
                }
                "running"
            }
            ("running", "parked") => {
                self.parked += 1;
                "running"
            }
            ("running", "set_back") => {
                self.parked = 0;
                "running"
            }
            ("running", "unparked") => {
                self.parked -= 1;
                "running"
            }
            (
                "running",
                "set_right" | "waited" | "pause_requested" | "cancel_requested"
                | "resume_requested",
            ) => "running",
            ("", "queued")
            | ("running", "interrupted" | "retrying" | "left")
            | ("paused", "resume_requested")
            | ("cancelled" | "incomplete", "retry_requested") => "queued",
            ("running", "succeeded") => "succeeded",
            ("running", "incomplete") => "incomplete",
            ("running" | "queued", "paused") => "paused",
            ("running" | "queued" | "paused", "cancelled") => "cancelled",
            _ => return Err(()),
        })
    }

    fn agrees_with(&self, run: &Run) -> Result<(), String> {
        let fence = self.fence == run.fence || (self.waited && self.fence < run.fence);
        if fence && (self.status, self.parked) == (run.status.as_str(), run.parked) {
            Ok(())
        } else {
            Err(format!("it ends as {self:?}, but the run is {run:?}"))
        }
    }
}

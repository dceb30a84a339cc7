//! The story of each run: told again from its events, it must lead to where the run stands.

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

/// What the events told so far say of a run.
#[derive(Debug, Default)]
struct Told {
    status: &'static str,
    fence: i64,
    parked: i64,
    plans: u32,
}

pub(super) async fn judge(db: &PgPool) -> Result<Vec<String>> {
    let events: Vec<Event> = sqlx::query_as(
        "select run_id, event, (detail ->> 'fence')::bigint as fence from kenoma.run_events
         order by run_id, id",
    )
    .fetch_all(db)
    .await?;
    let runs: Vec<Run> =
        sqlx::query_as("select id, status, fence, parked from kenoma.runs").fetch_all(db).await?;
    let mut stories: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in &events {
        stories.entry(&event.run_id).or_default().push(event);
    }
    let gaps = runs.iter().filter_map(|run| {
        let story = stories.get(run.id.as_str()).map_or(&[][..], Vec::as_slice);
        let gap = tell(story).and_then(|told| told.agrees_with(run)).err()?;
        let names: Vec<&str> = story.iter().map(|event| event.name.as_str()).collect();
        Some(format!("the story of run {} has a gap: {gap}: {names:?}", run.id))
    });
    Ok(gaps.collect())
}

fn tell(story: &[&Event]) -> Result<Told, String> {
    let mut told = Told::default();
    for event in story {
        told.go_on(event).map_err(|()| {
            format!("{} while it was {:?} at fence {}", event.name, told.status, told.fence)
        })?;
    }
    Ok(told)
}

impl Told {
    fn go_on(&mut self, event: &Event) -> Result<(), ()> {
        let next = match (self.status, event.name.as_str()) {
            ("queued", "started" | "resumed") | ("running", "taken_over") => {
                self.fence += 1;
                if event.fence != Some(self.fence) {
                    return Err(());
                }
                "running"
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
            ("running", "pause_requested" | "cancel_requested" | "resume_requested") => "running",
            ("", "queued")
            | ("running", "interrupted" | "retrying" | "waiting" | "left")
            | ("paused", "resume_requested")
            | ("cancelled", "retry_requested") => "queued",
            ("running", "succeeded") => "succeeded",
            ("running" | "queued", "paused") => "paused",
            ("running" | "queued" | "paused", "cancelled") => "cancelled",
            _ => return Err(()),
        };
        self.status = next;
        Ok(())
    }

    fn agrees_with(&self, run: &Run) -> Result<(), String> {
        if (self.status, self.fence, self.parked) == (run.status.as_str(), run.fence, run.parked) {
            Ok(())
        } else {
            Err(format!("it ends as {self:?}, but the run is {run:?}"))
        }
    }
}

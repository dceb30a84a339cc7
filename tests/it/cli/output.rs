//! What scripts depend on: JSON, streams, `--quiet`.

use anyhow::{Context as _, Result};
use serde_json::Value;
use testkit::Flavour;

use super::Fixture;

const KEYS: &[&str] = &[
    "run_id",
    "job",
    "subject",
    "status",
    "planned",
    "total",
    "done",
    "parked",
    "attempt",
    "error",
    "plan",
    "step",
    "waits_for",
    "speed",
    "throttle",
    "throttled_ms",
    "requested_by",
    "on_behalf_of",
    "reason",
    "database_user",
    "group_id",
    "created_at",
    "started_at",
    "finished_at",
    "deliveries_until",
];

async fn fixture() -> Result<Fixture> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    alice.posts("one").create().await?;
    alice.posts("two").create().await?;
    fixture.world.local("bob").await?;
    Ok(fixture)
}

/// Asserts what scripts are promised; returns the object.
fn object(line: &str) -> Result<Value> {
    let run: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let mut keys: Vec<&str> =
        run.as_object().context(line.to_owned())?.keys().map(String::as_str).collect();
    let mut expected = KEYS.to_vec();
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected, "{line}");
    for key in ["created_at", "started_at", "finished_at", "deliveries_until"] {
        if let Some(time) = run[key].as_str() {
            let read = chrono::DateTime::parse_from_rfc3339(time)?;
            assert!(time.ends_with('Z') && read.timestamp() > 1_700_000_000, "{key}: {time}");
        }
    }
    Ok(run)
}

/// Parses lines that are objects.
fn objects(stdout: &str) -> Result<Vec<Value>> {
    stdout.lines().map(object).collect()
}

#[tokio::test]
async fn every_command_about_a_run_prints_the_same_object() -> Result<()> {
    let fixture = fixture().await?;
    let queued = fixture.run("user deactivate bob --json --queue")?;
    let runs = objects(&queued.stdout)?;
    let figures = |run: &Value| [&run["status"], &run["total"], &run["done"]].map(Value::to_string);
    assert_eq!(figures(&runs[0]), ["\"queued\"", "1", "0"]);
    assert_eq!((&runs[0]["started_at"], &runs[0]["finished_at"]), (&Value::Null, &Value::Null));
    assert!(runs[0]["created_at"].is_string() && runs.len() == 1);

    let inline = fixture.run("user delete_activities alice --yes --inline --json")?;
    let done = objects(&inline.stdout)?;
    assert_eq!(figures(&done[0]), ["\"succeeded\"", "2", "2"]);
    assert!(done[0]["finished_at"].is_string() && done.len() == 1);
    assert_eq!(
        (&done[0]["job"], &done[0]["subject"]),
        (&"delete_activities".into(), &"alice".into())
    );
    assert_eq!((inline.stderr.as_str(), inline.code), ("", 0));

    let listed = objects(&fixture.run("runs list --json")?.stdout)?;
    assert_eq!(listed, [done[0].clone(), runs[0].clone()]);
    let id = done[0]["run_id"].as_str().unwrap_or_default();
    for command in ["show", "watch"] {
        let (code, mut shown) = fixture.json(&format!("jobs {command} {id}"))?;
        if command == "show" {
            let fields = shown.as_object_mut().context("no object")?;
            let [parked, events] = ["parked_items", "events"].map(|name| fields.remove(name));
            assert_eq!(parked, Some(serde_json::json!([])));
            let events = events.as_ref().and_then(Value::as_array).context("no events")?;
            let names: Vec<&Value> = events.iter().map(|event| &event["event"]).collect();
            assert_eq!(names, ["queued", "started", "planned", "succeeded"]);
        }
        assert_eq!((code, &shown), (0, &done[0]), "{command}");
    }
    let id = runs[0]["run_id"].as_str().unwrap_or_default();
    for (command, status) in
        [("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled"), ("retry", "queued")]
    {
        let run = object(fixture.run(&format!("jobs {command} {id} --json"))?.stdout.trim_end())?;
        assert_eq!(run["status"], status, "{command}");
    }
    // Nothing to do, and therefore no run: the keys are the same.
    let nothing = object(fixture.run("user activate alice --json")?.stdout.trim_end())?;
    assert_eq!((&nothing["run_id"], &nothing["status"]), (&Value::Null, &"succeeded".into()));
    Ok(())
}

#[tokio::test]
async fn results_and_remarks_go_different_ways() -> Result<()> {
    let fixture = fixture().await?.with_redis()?;
    let loud = fixture.run("user delete_activities alice --yes")?;
    assert!(loud.stdout.starts_with("Queued delete_activities alice as run "), "{loud:?}");
    assert_eq!(loud.stdout.lines().count(), 1, "{loud:?}");
    assert!(loud.stderr.contains("ostrakon runs watch") && loud.stderr.contains("ostrakon worker"));

    // `--quiet` does not suppress warnings.
    let quiet = fixture.run("user deactivate bob --quiet --queue")?;
    assert_eq!(quiet.stdout.lines().count(), 1, "{quiet:?}");
    let lines: Vec<&str> = quiet.stderr.lines().collect();
    assert!(lines.len() == 1 && lines[0].starts_with("warning: NOTHING IS DONE YET"), "{quiet:?}");

    let listed = fixture.run("runs list --status failed")?;
    assert_eq!((listed.stdout.as_str(), listed.stderr.as_str()), ("", "No runs.\n"));
    let listed = fixture.run("runs list --status failed --quiet --json")?;
    assert_eq!((listed.stdout.as_str(), listed.stderr.as_str()), ("", ""));
    Ok(())
}

#[tokio::test]
async fn colours_are_for_terminals() -> Result<()> {
    let fixture = fixture().await?;
    let plain = fixture.run("user delete_activities alice")?;
    assert!(!plain.stderr.contains('\u{1b}'), "{plain:?}");
    let coloured = fixture.run("user delete_activities alice --color always")?;
    assert!(coloured.stderr.contains("\u{1b}[1;31merror:\u{1b}[0m"), "{coloured:?}");
    Ok(())
}

#[tokio::test]
async fn a_reader_that_went_away_is_no_reason_to_complain() -> Result<()> {
    let fixture = fixture().await?;
    fixture.queue("user deactivate bob")?;
    for line in
        ["runs list", "runs list --json", "config show", "--help", "user --help", "--version"]
    {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let words: Vec<&str> = line.split(' ').collect();
        let output = fixture.ostrakon.command(&words).stdout(writer).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""), "{line}");
    }
    // A closed standard error is no reason to complain either.
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let output =
        fixture.ostrakon.command(&["user", "activate", "nobody"]).stderr(writer).output()?;
    assert_eq!(output.status.code(), Some(3));
    Ok(())
}

//! The comparer is silent where nothing is wrong and finds each kind of fault.

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testkit::{Flavour, State, Transition, flake_text};
use uuid::Uuid;

fn says(transition: &Transition, actual: &State) -> Vec<String> {
    transition.compare(actual).iter().map(ToString::to_string).collect()
}

/// Spoils the recorded outcome and gives the one thing that the comparer says about it.
fn spoilt(name: &str, spoil: impl FnOnce(&mut State)) -> Result<String> {
    let transition = Transition::load(Flavour::Pleroma, name)?;
    let mut actual = transition.after().clone();
    spoil(&mut actual);
    let said = says(&transition, &actual);
    assert!(!said.is_empty(), "the fault was not found");
    Ok(said.join("\n"))
}

fn first<'a>(state: &'a mut State, table: &str, which: impl Fn(&Value) -> bool) -> &'a mut Value {
    let rows = state.rows_mut(table);
    let at = rows.iter().position(which);
    assert!(at.is_some(), "no such row in {table}");
    &mut rows[at.unwrap_or_default()]
}

fn is_delete(row: &Value) -> bool {
    row["data"]["type"] == "Delete"
}

fn is_publish(row: &Value) -> bool {
    row["args"]["op"] == "publish"
}

#[test]
fn a_recording_equals_itself() -> Result<()> {
    for flavour in Flavour::ALL {
        for transition in Transition::all(flavour, "")? {
            let said = says(&transition, transition.after());
            assert!(said.is_empty(), "{} of {flavour}: {}", transition.name, said.join("\n"));
        }
    }
    Ok(())
}

#[test]
fn made_up_ids_and_times_are_free() -> Result<()> {
    for name in ["da_replies", "da_likes_announces_given", "da_pruned_object"] {
        for flavour in Flavour::ALL {
            let transition = Transition::load(flavour, name)?;
            let said = says(&transition, &with_other_ids(&transition)?);
            assert!(said.is_empty(), "{name} of {flavour}: {}", said.join("\n"));
        }
    }
    Ok(())
}

/// Gives the outcome as another run would have left it.
fn with_other_ids(transition: &Transition) -> Result<State> {
    let mut after = transition.after().clone();
    let old: Vec<Value> =
        transition.before.rows("objects").iter().map(|o| o["id"].clone()).collect();
    let mut moved = Vec::new();
    for object in after.rows_mut("objects") {
        if !old.contains(&object["id"]) {
            let id = object["id"].as_i64().context("no id")?;
            object["id"] = json!(id + 1000);
            moved.push(id);
        }
        if object["data"]["type"] == "Tombstone" {
            object["data"]["deleted"] = json!("2027-01-01T00:00:00.000001Z");
            object["updated_at"] = json!("2027-01-01T00:00:00");
        }
    }
    for job in after.rows_mut("oban_jobs") {
        job["id"] = json!(job["id"].as_i64().context("no id")? + 77);
        job["inserted_at"] = json!("2027-01-01T00:00:00.5");
        job["scheduled_at"] = json!("2027-01-01T00:00:00.5");
        if let Some(id) = job["args"]["object"].as_i64().filter(|id| moved.contains(id)) {
            job["args"]["object"] = json!(id + 1000);
        }
    }
    after.rows_mut("oban_jobs").reverse();
    let mut text = serde_json::to_string(&after)?;
    let known: Vec<&Value> =
        transition.before.rows("activities").iter().map(|a| &a["id"]).collect();
    for activity in transition.after().rows("activities") {
        if known.contains(&&activity["id"]) {
            continue;
        }
        let id: Uuid = activity["id"].as_str().context("no id")?.parse()?;
        let other = Uuid::from_u128(id.as_u128() ^ 0xffff_0000);
        let address = activity["data"]["id"].as_str().context("no ActivityPub id")?;
        text = text
            .replace(&id.to_string(), &other.to_string())
            .replace(&flake_text(id), &flake_text(other))
            .replace(address, &format!("https://peer.example/activities/{other}"));
    }
    Ok(serde_json::from_str(&text)?)
}

#[test]
fn another_order_of_recipients_is_found() -> Result<()> {
    let said = spoilt("da_replies", |state| {
        let delete = first(state, "activities", |row| {
            is_delete(row) && row["recipients"].as_array().is_some_and(|r| r.len() > 1)
        });
        let recipients = delete["recipients"].as_array_mut();
        if let Some(recipients) = recipients {
            recipients.reverse();
        }
    })?;
    assert!(said.contains("recipients should be"), "{said}");
    Ok(())
}

#[test]
fn a_missing_and_an_extra_job_are_found() -> Result<()> {
    let said = spoilt("da_replies", |state| drop(state.rows_mut("oban_jobs").remove(0)))?;
    assert!(said.contains("oban_jobs") && said.contains("was not made"), "{said}");
    let said = spoilt("da_replies", |state| {
        let twice = state.rows("oban_jobs")[0].clone();
        state.rows_mut("oban_jobs").push(twice);
    })?;
    assert!(said.contains("should not have been made"), "{said}");
    Ok(())
}

#[test]
fn a_wrong_priority_or_delay_of_a_job_is_found() -> Result<()> {
    let said = spoilt("da_replies", |s| first(s, "oban_jobs", is_publish)["priority"] = json!(0))?;
    assert!(said.contains("priority should be"), "{said}");
    let said = spoilt("da_replies", |state| {
        first(state, "oban_jobs", is_publish)["scheduled_at"] = json!("2030-01-01T00:00:00");
    })?;
    assert!(said.contains("scheduled_at should be"), "{said}");
    Ok(())
}

#[test]
fn a_wrong_deleted_activity_is_found() -> Result<()> {
    let said = spoilt("da_replies", |state| {
        first(state, "activities", is_delete)["data"]["deleted_activity_id"] =
            json!("BCjSLk8TWITKZLqBCS");
    })?;
    assert!(said.contains("data.deleted_activity_id should be"), "{said}");
    Ok(())
}

#[test]
fn a_touched_row_is_found() -> Result<()> {
    let said = spoilt("da_replies", |state| {
        first(state, "users", |row| row["nickname"] == "bob")["updated_at"] =
            json!("2030-01-01T00:00:00");
    })?;
    assert!(said.contains("updated_at should be\n    \"(unchanged)\""), "{said}");
    let said = spoilt("da_replies", |state| {
        first(state, "users", |row| row["nickname"] == "bob")["note_count"] = json!(41);
    })?;
    assert!(said.contains("note_count should be"), "{said}");
    Ok(())
}

#[test]
fn rows_too_few_and_too_many_are_found() -> Result<()> {
    let said = spoilt("da_replies", |state| drop(state.rows_mut("users").remove(0)))?;
    assert!(said.contains("users") && said.contains("is gone"), "{said}");
    let before = Transition::load(Flavour::Pleroma, "da_replies")?.before;
    let said = spoilt("da_replies", |state| {
        let left = state.rows_mut("activities");
        let gone = before.rows("activities").iter().find(|row| !left.contains(row)).cloned();
        left.extend(gone);
    })?;
    assert!(said.contains("is still there, but should be gone"), "{said}");
    Ok(())
}

#[test]
fn a_job_for_the_wrong_activity_is_found() -> Result<()> {
    let said = spoilt("da_replies", |state| {
        let mut jobs = state.rows("oban_jobs").iter().filter(|row| is_publish(row));
        let other = jobs.next_back().map(|row| row["args"]["activity_id"].clone());
        first(state, "oban_jobs", is_publish)["args"]["activity_id"] = json!(other);
    })?;
    assert!(said.contains("args.activity_id should be"), "{said}");
    let said = spoilt("da_pruned_object", |state| {
        let index = |row: &Value| row["args"]["op"] == "remove_from_index";
        let mut jobs = state.rows("oban_jobs").iter().filter(|row| index(row));
        let other = jobs.next_back().map(|row| row["args"]["object"].clone());
        first(state, "oban_jobs", index)["args"]["object"] = json!(other);
    })?;
    assert!(said.contains("args.object should be"), "{said}");
    Ok(())
}

#[test]
fn an_ill_formed_time_of_deletion_is_found() -> Result<()> {
    let said = spoilt("da_replies", |state| {
        first(state, "objects", |row| row["data"]["type"] == "Tombstone")["data"]["deleted"] =
            json!("2026-11-23T06:58:00Z");
    })?;
    assert!(said.contains("not ISO 8601 UTC with microseconds"), "{said}");
    Ok(())
}

/// Gives a recorded mail with a text in it replaced by one of the same length.
fn reworded(encoded: &Value, old: &str, new: &str) -> Result<Value> {
    let mut bytes = STANDARD.decode(encoded.as_str().context("no mail")?)?;
    let at = bytes.windows(old.len()).position(|part| part == old.as_bytes());
    let at = at.with_context(|| format!("no {old} in the mail"))?;
    bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    Ok(json!(STANDARD.encode(bytes)))
}

#[test]
fn a_mail_may_be_worded_otherwise_and_nothing_else() -> Result<()> {
    let transition = Transition::load(Flavour::Pleroma, "new_basic")?;
    for (old, new, found) in [
        ("<h3>Hello", "<h1>HELLO", None),
        ("Account registered", "Account registerer", Some("args.encoded_email.subject")),
        ("alice@peer", "mallo@peer", Some("args.encoded_email.to")),
        ("notify@peer", "nobody@peer", Some("args.encoded_email.from")),
        ("bcc", "bdd", Some("args.encoded_email.bcc")),
        // Another tag for the same atom: the older servers do not know it.
        ("d\0\x03nil", "w\0\x03nil", Some("args.encoded_email should be")),
    ] {
        let mut actual = transition.after().clone();
        let mail = &mut first(&mut actual, "oban_jobs", |_| true)["args"]["encoded_email"];
        *mail = reworded(mail, old, new)?;
        let said = says(&transition, &actual).join("\n");
        match found {
            None => assert_eq!(said, "", "{old}"),
            Some(place) => assert!(said.contains(place), "{old}: {said}"),
        }
    }
    Ok(())
}

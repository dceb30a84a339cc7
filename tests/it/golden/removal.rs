//! Recordings of `rm`: the expected state is the one after the server has done its own jobs too.
//!
//! What ostrakon leaves to the server differs, and the rules for it are here. Everything else must
//! be as recorded.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::{Database, Flavour, State, Transition, flake_text, snapshot};

/// Recorded end of a removal, as ostrakon reaches it (docs/differences.md D22 to D26).
pub(super) fn expected(transition: &Transition) -> Result<State> {
    let mut state = transition.after_jobs.clone().context("no rows after the jobs")?;
    let Some(removed) = removed_account(transition) else { return Ok(state) };
    let actors = actors(&state);
    let removed_id = removed["id"].as_str().unwrap_or_default().parse()?;
    let removed_flake = flake_text(removed_id);
    state.rows_mut("oban_jobs").retain(|job| {
        let is_about = |field: &str| job["args"][field] == json!(removed_flake);
        match job["args"]["op"].as_str().unwrap_or_default() {
            // The removal is a run of ostrakon, and the replay does not let the server reload
            // accounts.
            "delete_user" | "verify_fields_links" => !is_about("user_id"),
            // The server cannot deliver for a removed account, nor for a remote one.
            "publish" => {
                let activity = job["args"]["activity_id"].as_str().unwrap_or_default();
                let actor = actors.get(activity).map_or("", String::as_str);
                json!(actor) != removed["ap_id"] && actor.starts_with("https://peer.example/")
            }
            _ => true,
        }
    });
    let deliveries = deliveries(transition, &state, &removed);
    state.rows_mut("oban_jobs").extend(deliveries);
    // The removed account is signed out.
    for table in ["oauth_tokens", "oauth_authorizations", "push_subscriptions", "mfa_tokens"] {
        state.rows_mut(table).retain(|row| row["user_id"] != removed["id"]);
    }
    for user in state.rows_mut("users") {
        if user["id"] == removed["id"] {
            // The original counts what it loaded before the loop, and may end at 1.
            user["follower_count"] = json!(0);
            user["following_count"] = json!(0);
        }
    }
    Ok(state)
}

fn removed_account(transition: &Transition) -> Option<Value> {
    let typed = transition.arguments().get(1)?;
    let is_typed = |user: &&Value| user["nickname"] == json!(typed);
    transition.before.rows("users").iter().find(is_typed).cloned()
}

/// Actor of each activity, by the activity's flake text.
fn actors(state: &State) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let activities = state.rows("activities").iter();
    activities
        .filter_map(|row| {
            Some((flake_text(row["id"].as_str()?.parse().ok()?), text(&row["actor"])))
        })
        .collect()
}

/// Deliveries of the account's Delete that the original never makes: one for each distinct inbox of
/// its followers on other servers.
fn deliveries(transition: &Transition, state: &State, removed: &Value) -> Vec<Value> {
    let is_delete =
        |row: &&Value| row["data"]["type"] == "Delete" && row["data"]["object"] == removed["ap_id"];
    let Some(delete) = state.rows("activities").iter().find(is_delete) else { return Vec::new() };
    let users = transition.before.rows("users");
    let relations = transition.before.rows("following_relationships").iter();
    let inboxes: BTreeSet<&str> = relations
        .filter(|relation| relation["following_id"] == removed["id"] && relation["state"] == 2)
        .filter_map(|relation| users.iter().find(|user| user["id"] == relation["follower_id"]))
        .filter(|follower| follower["local"] == false)
        .filter_map(|follower| follower["shared_inbox"].as_str().or(follower["inbox"].as_str()))
        .collect();
    inboxes.into_iter().map(|inbox| delivery(transition.flavour, delete, removed, inbox)).collect()
}

/// Row that the server writes for one inbox.
fn delivery(flavour: Flavour, delete: &Value, removed: &Value, inbox: &str) -> Value {
    let flake = |row: &Value| {
        row["id"].as_str().and_then(|id| id.parse().ok()).map(flake_text).unwrap_or_default()
    };
    let params = if flavour == Flavour::Pleroma {
        json!({ "inbox": inbox, "activity_id": flake(delete), "unreachable_since": null })
    } else {
        json!({
            "inbox": inbox,
            "json": document(flavour, &delete["data"]).to_string(),
            "actor_id": flake(removed),
            "id": delete["data"]["id"],
            "unreachable_since": null,
        })
    };
    let mut args = json!({ "op": "publish_one", "params": params });
    if flavour != Flavour::Pleroma {
        args["module"] = json!("Elixir.Pleroma.Web.ActivityPub.Publisher");
    }
    let mut row = json!({
        "id": 1_000_000, "args": args, "queue": "federator_outgoing",
        "worker": "Pleroma.Workers.PublisherWorker", "state": "available", "tags": [],
        "errors": [], "attempt": 0, "attempted_at": null, "attempted_by": null,
        "completed_at": null, "discarded_at": null,
        "max_attempts": if flavour == Flavour::Akkoma { 6 } else { 5 },
        "priority": i32::from(flavour == Flavour::Pleroma),
        "inserted_at": "2026-01-01T00:00:00", "scheduled_at": "2026-01-01T00:00:00",
    });
    if flavour != Flavour::Pleroma22 {
        row["meta"] = json!({});
        row["cancelled_at"] = Value::Null;
    }
    row
}

/// What other servers receive for an activity.
fn document(flavour: Flavour, data: &Value) -> Value {
    let mut document = data.clone();
    let mut language = json!({ "@language": "und" });
    if flavour == Flavour::Akkoma {
        language["htmlMfm"] = json!("https://w3id.org/fep/c16b#htmlMfm");
    }
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|field, _| !["bto", "bcc", "deleted_activity_id"].contains(&field.as_str()));
    }
    document["@context"] = json!([
        "https://www.w3.org/ns/activitystreams",
        "https://peer.example/schemas/litepub-0.1.jsonld",
        language,
    ]);
    document
}

/// The original's job is killed after five seconds here, and can never finish what it left.
#[tokio::test]
async fn nothing_is_left_of_an_account_that_the_original_gave_up_on() -> Result<()> {
    let transition = Transition::load(Flavour::Akkoma, "rm_job_cut_off")?;
    let database = Database::create(transition.flavour).await?;
    // Starts from the recorded rows, and from what the original left.
    for start in [Some(&transition.before), transition.after_jobs.as_ref()] {
        database.empty().await?;
        start.context("no rows after the jobs")?.load(&database.pool()).await?;
        let ostrakon = super::program(&database, &transition).await?;
        let done = ostrakon.run(&["user", "rm", "alice", "--inline", "--yes"])?;
        assert_eq!((done.stdout.as_str(), done.code), ("User alice deleted.\n", 0), "{done:?}");
        let after = snapshot(&database.pool()).await?;
        let is_hers = |row: &&Value| row["actor"] == "https://peer.example/users/alice";
        let kinds: BTreeSet<&str> = after
            .rows("activities")
            .iter()
            .filter(is_hers)
            .filter_map(|row| row["data"]["type"].as_str())
            .collect();
        assert_eq!(kinds, BTreeSet::from(["Delete", "Undo"]));
        let living = |row: &&Value| row["data"]["type"] != "Tombstone";
        let of_hers = |row: &&Value| row["data"]["actor"] == "https://peer.example/users/alice";
        assert_eq!(after.rows("objects").iter().filter(living).filter(of_hers).count(), 0);
    }
    Ok(())
}

//! `user fix_follow_state`: a Follow that was accepted and has no relation.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{Account, Database, Flavour, Ostrakon, Release, State, World, flake_text};

use super::{FLAVOURS, Fixture};
use crate::worker::eventually;

const FIXED: &str = "Request state is accept, vs calculated state of following=false\n\
                     Discrepancy found, fixing\nRelationship fixed\n";

/// Relations to begin with, by `following_relationships.state`: none, pending, rejected.
const NOT_ACCEPTED: [Option<i32>; 3] = [None, Some(1), Some(3)];

/// Accounts of a test.
struct People {
    fixture: Fixture,
    alice: Account,
    bob: Account,
    dora: Account,
}

/// Alice and Eve follow Bob, who is remote, and Dora, who is local. Alice had asked both before.
async fn people(flavour: Flavour) -> Result<People> {
    let fixture = Fixture::new(flavour).await?;
    let alice = fixture.world.local("alice").await?;
    let eve = fixture.world.local("eve").await?;
    let bob = fixture.world.remote("bob", "far.example").await?;
    let dora = fixture.world.local("dora").await?;
    for followed in [&bob, &dora] {
        for state in ["cancelled", "pending"] {
            let follow = json!({
                "type": "Follow", "object": followed.ap_id(), "state": state,
                "to": [followed.ap_id()], "cc": [],
            });
            alice.publishes(follow).await?;
        }
        alice.follows(followed).await?;
        eve.follows(followed).await?;
    }
    Ok(People { fixture, alice, bob, dora })
}

impl People {
    /// Sets the state of Alice's relation, or deletes it.
    async fn relate(&self, followed: &Account, state: Option<i32>) -> Result<()> {
        let sql = match state {
            Some(_) => {
                "update following_relationships set state = $3
                 where follower_id = $1 and following_id = $2"
            }
            None => {
                "delete from following_relationships
                 where follower_id = $1 and following_id = $2 and $3::int is null"
            }
        };
        let query = sqlx::query(sql).bind(self.alice.id()).bind(followed.id()).bind(state);
        let done = query.execute(&self.fixture.pool()).await?;
        ensure!(done.rows_affected() == 1);
        Ok(())
    }

    /// Ids of Alice's Follows of an account, oldest first, with their states.
    fn follows(&self, state: &State, followed: &Account) -> Vec<(Value, Value)> {
        let is_follow = |row: &&Value| {
            let data = &row["data"];
            data["type"] == "Follow"
                && data["actor"] == self.alice.ap_id()
                && data["object"] == followed.ap_id()
        };
        let rows = state.rows("activities").iter().filter(is_follow);
        rows.map(|row| (row["id"].clone(), row["data"]["state"].clone())).collect()
    }

    /// What the rows should be after the Follow of an account was rejected, but for new rows.
    fn rejected(&self, before: &State, followed: &Account) -> Result<State> {
        let mut expected = before.clone();
        let follows = self.follows(before, followed);
        let (latest, _) = follows.last().context("no Follow")?;
        expected.rows_mut("notifications").retain(|row| row["activity_id"] != *latest);
        expected.rows_mut("following_relationships").retain(|row| {
            row["follower_id"] != self.alice.id().to_string()
                || row["following_id"] != followed.id().to_string()
        });
        for row in expected.rows_mut("activities") {
            let found = follows.iter().find(|(id, _)| *id == row["id"]);
            if found.is_some_and(|(_, state)| *state != "cancelled") {
                row["data"]["state"] = json!("reject");
            }
        }
        Ok(expected)
    }
}

/// Takes the rows out of `after` that are not in `before`, by id.
fn new_rows(before: &State, after: &mut State, table: &str) -> Vec<Value> {
    let known = |row: &Value| before.rows(table).iter().any(|old| old["id"] == row["id"]);
    let rows = after.rows_mut(table);
    let new = rows.iter().filter(|row| !known(row)).cloned().collect();
    rows.retain(known);
    new
}

/// States without the tables that have no rows.
fn same(left: &State, right: &State) -> bool {
    let names: Vec<&str> = left.tables().chain(right.tables()).collect();
    names.into_iter().all(|table| left.rows(table) == right.rows(table))
}

/// The job by which the server federates an activity.
fn publish_args(flavour: Flavour, activity: &str) -> Value {
    let mut args = json!({ "op": "publish", "activity_id": activity });
    match flavour {
        Flavour::Pleroma => args["opts"] = json!({}),
        Flavour::Akkoma => args["object_data"] = Value::Null,
        Flavour::Pleroma22 => {}
    }
    args
}

#[tokio::test]
async fn an_accepted_follow_without_a_relation_is_rejected() -> Result<()> {
    for flavour in FLAVOURS {
        for (relation, remote) in NOT_ACCEPTED.into_iter().zip([true, true, false]) {
            let people = people(flavour).await?;
            let (followed, typed) =
                if remote { (&people.bob, "bob@FAR.example") } else { (&people.dora, "Dora") };
            people.relate(followed, relation).await?;
            let before = people.fixture.state().await?;
            let expected = people.rejected(&before, followed)?;

            let done = people.fixture.run(&format!("user fix_follow_state Alice {typed}"))?;
            assert_eq!((done.stdout.as_str(), done.code), (FIXED, 0), "{flavour}: {done:?}");
            assert_eq!(done.stderr, "", "{flavour}");
            let mut after = people.fixture.state().await?;
            let activities = new_rows(&before, &mut after, "activities");
            let jobs = new_rows(&before, &mut after, "oban_jobs");
            assert!(same(&after, &expected), "{flavour} {relation:?}: other rows changed");

            let [reject] = activities.as_slice() else { anyhow::bail!("{activities:?}") };
            check_reject(&people, flavour, (&before, followed), reject)?;
            let [job] = jobs.as_slice() else { anyhow::bail!("{jobs:?}") };
            let id = flake_text(reject["id"].as_str().context("no id")?.parse()?);
            assert_eq!(job["args"], publish_args(flavour, &id), "{flavour}");
            assert_eq!(job["queue"], "federator_outgoing", "{flavour}");
            assert_eq!((&job["priority"], &job["state"]), (&json!(0), &json!("available")));

            // Nothing is left to fix.
            let again = format!("user fix_follow_state alice {typed}");
            let again = people.fixture.refused(&again).await?;
            let line = "Request state is reject, vs calculated state of following=false\n\
                        No discrepancy found\n";
            assert_eq!(again.stdout, line, "{flavour}");
        }
    }
    Ok(())
}

fn check_reject(
    people: &People,
    flavour: Flavour,
    (before, followed): (&State, &Account),
    reject: &Value,
) -> Result<()> {
    let follows = people.follows(before, followed);
    let (latest, _) = follows.last().context("no Follow")?;
    let follow = before.rows("activities").iter().find(|row| row["id"] == *latest);
    let mut data = json!({
        "id": reject["data"]["id"], "type": "Reject", "actor": followed.ap_id(),
        "object": follow.context("no Follow")?["data"]["id"], "to": [people.alice.ap_id()], "cc": [],
    });
    if flavour != Flavour::Pleroma22 {
        data["bto"] = json!([]);
        data["bcc"] = json!([]);
    }
    assert_eq!(reject["data"], data, "{flavour}");
    let id = reject["data"]["id"].as_str().context("no id")?;
    assert!(id.starts_with("https://peer.example/activities/"), "{flavour}: {id}");
    let columns = (&reject["actor"], &reject["recipients"], &reject["local"]);
    let expected = (&json!(followed.ap_id()), &json!([people.alice.ap_id()]), &json!(true));
    assert_eq!(columns, expected, "{flavour}");
    Ok(())
}

#[tokio::test]
async fn only_accept_without_a_relation_is_a_discrepancy() -> Result<()> {
    for flavour in FLAVOURS {
        let people = people(flavour).await?;
        let fixture = &people.fixture;
        let said = async |following: bool, state: &str| -> Result<()> {
            let done = fixture.refused("user fix-follow-state alice bob@far.example").await?;
            let line = format!(
                "Request state is {state}, vs calculated state of following={following}\n\
                 No discrepancy found\n"
            );
            assert_eq!((done.stdout, done.code), (line, 0), "{flavour}");
            Ok(())
        };
        said(true, "accept").await?;
        fixture.sql("update activities set data = data || '{\"state\": \"pending\"}' where data ->> 'type' = 'Follow'").await?;
        said(true, "pending").await?;
        people.relate(&people.bob, Some(1)).await?;
        said(false, "pending").await?;
        people.relate(&people.bob, None).await?;
        said(false, "pending").await?;
    }
    Ok(())
}

#[tokio::test]
async fn whom_it_cannot_fix() -> Result<()> {
    for flavour in FLAVOURS {
        let people = people(flavour).await?;
        let fixture = &people.fixture;
        fixture.world.remote("carl", "far.example").await?;
        for (line, code, reported) in [
            ("nobody bob@far.example", 3, "No local user nobody\n"),
            ("nobody nobody@far.example", 3, "No local user nobody\n"),
            ("bob@far.example alice", 3, "No local user bob@far.example\n"),
            ("Alice nobody@far.example", 3, "No remote user nobody@far.example\n"),
            ("Alice Carl@far.example", 3, "No follow data for Alice and Carl@far.example\n"),
            ("dora alice", 3, "No follow data for dora and alice\n"),
        ] {
            let done = fixture.refused(&format!("user fix_follow_state {line}")).await?;
            let said = (done.stdout.as_str(), done.stderr.as_str(), done.code);
            assert_eq!(said, ("", reported, code), "{flavour} {line}");
        }
        people.relate(&people.bob, None).await?;
        people.bob.is_deactivated().await?;
        let done = fixture.refused("user fix_follow_state alice bob@far.example").await?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{flavour}");
        assert!(done.stderr.contains("bob@far.example is deactivated"), "{flavour}: {done:?}");
        fixture
            .sql("update activities set data = data - 'state' where data ->> 'type' = 'Follow'")
            .await?;
        let done = fixture.refused("user fix_follow_state alice bob@far.example").await?;
        assert_eq!(done.stderr, "No follow data for alice and bob@far.example\n", "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_federate_gets_no_job() -> Result<()> {
    let mut people = people(Flavour::Akkoma).await?;
    people.relate(&people.bob, None).await?;
    people.fixture.ostrakon = people.fixture.ostrakon.with("OSTRAKON_SERVER_FEDERATING", "false");
    let (code, fixed) = people.fixture.json("user fix_follow_state alice bob@far.example")?;
    assert_eq!((code, &fixed["changed"]), (0, &json!(true)), "{fixed}");
    let state = people.fixture.state().await?;
    assert_eq!(state.rows("oban_jobs"), [] as [Value; 0]);
    Ok(())
}

/// With the least rights, and by the index that each release has.
#[tokio::test]
async fn other_releases_have_it() -> Result<()> {
    for name in ["pleroma-2.6", "pleroma-2.9", "pleroma-2.10", "akkoma-3.19", "akkoma-3.20"] {
        let release = Release::ALL.iter().find(|release| release.name == name);
        let release = release.context("no release")?;
        let database = Database::of_release(release).await?;
        let world = World::new(&database);
        let alice = world.local("alice").await?;
        alice.follows(&world.remote("bob", "far.example").await?).await?;
        sqlx::query("delete from following_relationships").execute(&database.pool()).await?;
        let ostrakon = Ostrakon::with_least_rights(&database).await?;
        let done = ostrakon.run(&["user", "fix_follow_state", "alice", "bob@far.example"])?;
        assert_eq!((done.stdout.as_str(), done.code), (FIXED, 0), "{name}: {done:?}");
    }
    Ok(())
}

/// The server accepts the request while the command waits for the Follow: the command sees both the
/// new state and the new relation.
#[tokio::test(flavor = "multi_thread")]
async fn an_accept_meanwhile_is_no_discrepancy() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    alice.requests_to_follow(&fixture.world.remote("bob", "far.example").await?).await?;
    let pool = fixture.pool();
    let mut accepting = pool.begin().await?;
    for statement in [
        "update activities set data = data || '{\"state\": \"accept\"}' where data ->> 'type' = 'Follow'",
        "update following_relationships set state = 2",
    ] {
        sqlx::query(statement).execute(&mut *accepting).await?;
    }
    let words = ["user", "fix_follow_state", "alice", "bob@far.example"];
    let command = fixture.ostrakon.async_command(&words).output();
    let accept = async {
        eventually("the command waits", async || {
            let waits = "select exists (select from pg_stat_activity
                         where datname = current_database() and wait_event_type = 'Lock')";
            let waits: bool = sqlx::query_scalar(waits).fetch_one(&pool).await?;
            Ok(waits.then_some(()))
        })
        .await?;
        Ok(accepting.commit().await?)
    };
    let (done, accepted): (_, Result<()>) = tokio::join!(command, accept);
    accepted?;
    let said = String::from_utf8(done?.stdout)?;
    let line = "Request state is accept, vs calculated state of following=true\n\
                No discrepancy found\n";
    assert_eq!(said, line);
    Ok(())
}

//! How servers of which none was recorded differ from the nearest recorded one, in the rows that
//! commands write: each difference by its name, and nothing else may differ.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{State, Transition};

/// What differs from the recorded server.
pub(super) type Fact = fn(&mut State, &mut State, &Transition);

/// Facts of each release, with those of the recorded server in between left out: a release that is
/// not named differs in none.
const FACTS: &[(&str, &[Fact])] = &[
    ("pleroma-2.10", PLEROMA_2_10),
    (
        "pleroma-develop",
        &[thirteen_attempts, no_index_jobs, no_unreachable_since, votes_are_no_replies],
    ),
    ("pleroma-2.6", &[mailer_queue, no_options, no_search_jobs, clean_up_queue, documents]),
    ("rebased-2.6.50", &[mailer_queue, no_options, clean_up_queue, documents]),
    (
        "pleroma-2.5",
        &[mailer_queue, no_options, no_search_jobs, clean_up_queue, documents, no_quotes],
    ),
    (
        "pleroma-2.4",
        &[
            mailer_queue,
            no_options,
            no_search_jobs,
            clean_up_queue,
            documents,
            no_quotes,
            keys_later,
            no_pins_at_first,
            no_priorities,
        ],
    ),
    ("akkoma-3.15", &[five_attempts, documents, all_replies, files_stay]),
    ("akkoma-3.14", &[five_attempts, documents, all_replies, files_stay]),
    ("akkoma-3.10", &[five_attempts, documents, all_replies, files_stay, keys_in_users]),
];

const PLEROMA_2_10: &[Fact] = &[thirteen_attempts, no_index_jobs, no_unreachable_since];

/// Whether a release differs from the recorded one in any.
pub(super) fn has_any(release: &str) -> bool {
    FACTS.iter().any(|(name, _)| *name == release)
}

/// Makes of a recorded state what a server of a release would have left, and takes out of both
/// states what the recorded server shows in another form.
pub(super) fn apply(
    release: &str,
    transition: &Transition,
    expected: &mut State,
    actual: &mut State,
) {
    let facts = FACTS.iter().find(|(name, _)| *name == release);
    for fact in facts.map(|(_, facts)| *facts).unwrap_or_default() {
        fact(expected, actual, transition);
    }
}

/// Rows of a table that the command inserted.
fn new_rows<'a>(
    state: &'a mut State,
    transition: &'a Transition,
    table: &'static str,
) -> impl Iterator<Item = &'a mut Value> {
    let before = transition.before.rows(table);
    let is_new = |row: &Value| before.iter().all(|old| old["id"] != row["id"]);
    state.rows_mut(table).iter_mut().filter(move |row| is_new(row))
}

fn jobs<'a>(
    state: &'a mut State,
    transition: &'a Transition,
    ops: &'static [&'static str],
) -> impl Iterator<Item = &'a mut Value> {
    let is_one = |job: &&mut Value| job["args"]["op"].as_str().is_some_and(|op| ops.contains(&op));
    new_rows(state, transition, "oban_jobs").filter(is_one)
}

fn remove_jobs(state: &mut State, transition: &Transition, op: &str) {
    let before = transition.before.rows("oban_jobs");
    let is_old = |job: &Value| before.iter().any(|old| old["id"] == job["id"]);
    state.rows_mut("oban_jobs").retain(|job| is_old(job) || job["args"]["op"] != op);
}

/// Jobs by which activities are delivered.
const DELIVERIES: &[&str] = &["publish", "publish_one"];

/// Sets a column of new jobs.
fn set(
    state: &mut State,
    transition: &Transition,
    ops: &'static [&'static str],
    column: &str,
    value: &Value,
) {
    for job in jobs(state, transition, ops) {
        job[column] = value.clone();
    }
}

fn thirteen_attempts(expected: &mut State, _: &mut State, transition: &Transition) {
    set(expected, transition, DELIVERIES, "max_attempts", &json!(13));
}

fn five_attempts(expected: &mut State, _: &mut State, transition: &Transition) {
    set(expected, transition, DELIVERIES, "max_attempts", &json!(5));
}

/// Only posts are indexed.
fn no_index_jobs(expected: &mut State, _: &mut State, transition: &Transition) {
    remove_jobs(expected, transition, "add_to_index");
}

fn no_search_jobs(expected: &mut State, _: &mut State, transition: &Transition) {
    remove_jobs(expected, transition, "add_to_index");
    remove_jobs(expected, transition, "remove_from_index");
}

/// A delivery does not say since when its host has been unreachable.
fn no_unreachable_since(expected: &mut State, _: &mut State, transition: &Transition) {
    for job in jobs(expected, transition, &["publish_one"]) {
        if let Some(params) = job["args"]["params"].as_object_mut() {
            params.remove("unreachable_since");
        }
    }
}

fn mailer_queue(expected: &mut State, _: &mut State, transition: &Transition) {
    set(expected, transition, &["email"], "queue", &json!("mailer"));
    set(expected, transition, &["email"], "max_attempts", &json!(1));
}

fn clean_up_queue(expected: &mut State, _: &mut State, transition: &Transition) {
    set(expected, transition, &["cleanup_attachments"], "queue", &json!("attachments_cleanup"));
    set(expected, transition, &["cleanup_attachments"], "max_attempts", &json!(1));
}

/// The key that newer releases require.
fn no_options(expected: &mut State, _: &mut State, transition: &Transition) {
    for job in jobs(expected, transition, &["publish"]) {
        if let Some(args) = job["args"].as_object_mut() {
            args.remove("opts");
        }
    }
}

/// A delivery to one inbox contains the document, in this release's form: these jobs are looked at
/// in `wire` and `fanout`.
fn documents(expected: &mut State, actual: &mut State, transition: &Transition) {
    remove_jobs(expected, transition, "publish_one");
    remove_jobs(actual, transition, "publish_one");
}

/// Keys are made when they are needed.
fn keys_later(expected: &mut State, _: &mut State, transition: &Transition) {
    for user in new_rows(expected, transition, "users") {
        user["keys"] = Value::Null;
    }
}

/// The private key stands in `users`, and no public key anywhere.
fn keys_in_users(expected: &mut State, actual: &mut State, transition: &Transition) {
    for state in [expected, actual] {
        for user in new_rows(state, transition, "users") {
            user["keys"] = Value::Null;
        }
    }
}

fn no_pins_at_first(expected: &mut State, _: &mut State, transition: &Transition) {
    for user in new_rows(expected, transition, "users") {
        user["pinned_objects"] = Value::Null;
    }
}

fn no_priorities(expected: &mut State, _: &mut State, transition: &Transition) {
    set(expected, transition, DELIVERIES, "priority", &json!(0));
}

fn files_stay(expected: &mut State, _: &mut State, transition: &Transition) {
    remove_jobs(expected, transition, "cleanup_attachments");
}

/// Private replies and votes lower the counter, too.
fn all_replies(expected: &mut State, _: &mut State, transition: &Transition) {
    match transition.name.as_str() {
        // As on Pleroma: a counter that is not there becomes 0.
        "da_polls" => set_counter(expected, 3, "repliesCount", 0),
        // Two of the deleted replies are private.
        "da_private_reply_counter" => set_counter(expected, 1, "repliesCount", 5),
        _ => {}
    }
}

/// Votes do not lower the counter, which was not there.
fn votes_are_no_replies(expected: &mut State, _: &mut State, transition: &Transition) {
    if transition.name == "da_polls" {
        for object in expected.rows_mut("objects").iter_mut().filter(|object| object["id"] == 3) {
            if let Some(data) = object["data"].as_object_mut() {
                data.remove("repliesCount");
            }
        }
    }
}

/// Quotes have no counter: one that is there stays as it is.
fn no_quotes(expected: &mut State, _: &mut State, transition: &Transition) {
    if transition.name == "da_quotes" {
        set_counter(expected, 1, "quotesCount", 2);
    }
}

fn set_counter(state: &mut State, object: i64, counter: &str, value: i64) {
    for row in state.rows_mut("objects").iter_mut().filter(|row| row["id"] == object) {
        row["data"][counter] = json!(value);
    }
}

/// Every release that has facts exists in the kit.
#[test]
fn facts_are_of_releases() -> Result<()> {
    for (name, _) in FACTS {
        testkit::Release::named(name)?;
    }
    Ok(())
}

//! A scan of all columns of all tables for the host, on every dialect.

use anyhow::{Context as _, Result, ensure};
use ostrakon_engine::Ended;
use ostrakon_jobs::purge_instance::Keep;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Database, Release, State, World, snapshot};

use super::{
    super::{beside_server::wrong_counters, stage::Stage},
    HOST, job,
    seed::{Left, Locals, Seed},
};

/// Hosts whose names contain that of the purged one.
const NEIGHBOURS: [(&str, &str); 4] = [
    ("notevil.example", "prefixed"),
    ("evil.example.org", "longer"),
    ("sub.evil.example", "below"),
    ("evil-example.test", "dashed"),
];

/// Whether a text names exactly the host.
fn names(text: &str, host: &str) -> bool {
    text.match_indices(host).any(|(at, _)| {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        !text[..at].ends_with(part) && !text[at + host.len()..].starts_with(part)
    })
}

/// Whether a row may name the host: a post of a local account, which names whom it answers.
fn may_name_it(table: &str, row: &Value) -> bool {
    let local = row["data"]["actor"].as_str().is_some_and(|actor| actor.starts_with(testkit::BASE));
    match table {
        "objects" => local && row["data"]["type"] == "Note" && row["data"]["inReplyTo"].is_string(),
        "activities" => local && row["data"]["type"] == "Create",
        _ => false,
    }
}

/// The thread that a row is about, if a local account has written in it.
fn is_of_a_living_thread(state: &State, row: &Value) -> bool {
    let named = [&row["ap_id"], &row["context"], &row["data"]["id"]];
    let posts = state.rows("activities").iter().filter(|post| may_name_it("activities", post));
    posts
        .map(|post| &post["data"]["context"])
        .any(|thread| thread.is_string() && named.contains(&thread))
}

/// Rows that name the host and may not.
fn left_of(state: &State, host: &str) -> Vec<String> {
    let tables: Vec<&str> = state.tables().collect();
    let rows =
        tables.iter().flat_map(|table| state.rows(table).iter().map(move |row| (*table, row)));
    let named =
        rows.filter(|(table, row)| names(&row.to_string(), host) && !may_name_it(table, row));
    named
        .filter(|(_, row)| !is_of_a_living_thread(state, row))
        .map(|(table, row)| format!("{table}: {row}"))
        .collect()
}

/// Rows that name another host.
fn rows_of(state: &State, host: &str) -> Vec<(String, Value)> {
    let tables: Vec<&str> = state.tables().collect();
    let rows = tables
        .iter()
        .flat_map(|table| state.rows(table).iter().map(|row| ((*table).to_owned(), row.clone())));
    rows.filter(|(_, row)| names(&row.to_string(), host)).collect()
}

async fn object(pool: &PgPool, row: i64) -> Result<Value> {
    Ok(sqlx::query_scalar("select data from objects where id = $1")
        .bind(row)
        .fetch_one(pool)
        .await?)
}

/// What the host had done to posts that stay.
///
/// The counters of replies and quotes were 10. Of two replies, one was for followers only.
async fn others_are_right(
    pool: &PgPool,
    left: &Left,
    locals: &Locals,
    (replies, quotes): (i64, i64),
) -> Result<()> {
    let bob = locals.bob.ap_id();
    let mine = object(pool, left.mine.object_row).await?;
    ensure!(mine["likes"] == json!([bob]) && mine["like_count"] == 1, "{mine}");
    ensure!(mine["announcements"] == json!([bob]) && mine["announcement_count"] == 1, "{mine}");
    let reactions = mine["reactions"].as_array().context("no reactions")?;
    ensure!(reactions.len() == 1 && reactions[0][1] == json!([bob]), "{mine}");
    ensure!(mine["reaction_count"] == 1, "{mine}");
    ensure!(mine["repliesCount"] == replies && mine["quotesCount"] == quotes, "{mine}");
    let question = object(pool, left.poll.object_row).await?;
    let votes = |n: usize| question["oneOf"][n]["replies"]["totalItems"].clone();
    ensure!(question["voters"] == json!([bob]) && votes(0) == 1 && votes(1) == 0, "{question}");
    Ok(())
}

/// Counters of replies and quotes that a release leaves (docs/semantics.md 1.2.8 and 1.2.9).
fn counters(release: &str) -> (i64, i64) {
    match release {
        "pleroma-2.2" | "pleroma-2.4" | "pleroma-2.5" | "akkoma-3.10" | "akkoma-3.14"
        | "akkoma-3.15" => (8, 10),
        "pleroma-develop" => (9, 9),
        other if other.starts_with("akkoma") => (9, 10),
        _ => (8, 9),
    }
}

async fn nothing_is_left_on(name: &str) -> Result<()> {
    let database = Database::of_release(Release::named(name)?).await?;
    let world = World::new(&database);
    let locals = Locals::new(&world).await?;
    let seed = Seed::new(&database, &world, &locals);
    let left = seed.everything(HOST, "evil").await?;
    for (host, tag) in NEIGHBOURS {
        seed.everything(host, tag).await?;
    }
    let pool = database.pool();
    let before = snapshot(&pool).await?;
    ensure!(rows_of(&before, HOST).len() > 40, "there is nothing to remove");
    let stage = Stage::on(database).await?;
    let job = job(Keep::default())?.into();
    let id = stage.enqueue(&job).await?;
    let ended = stage.run(&job, &id).await?;
    let run = stage.find(&id).await?;
    ensure!(ended == Ended::Succeeded, "{ended:?}: {:?}", run.last_error);
    ensure!(Some(run.done) == run.total, "{} of {:?}", run.done, run.total);
    let after = snapshot(&pool).await?;
    let rows = left_of(&after, HOST);
    ensure!(rows.is_empty(), "{name}: {} rows are left:\n{}", rows.len(), rows.join("\n"));
    for (host, _) in NEIGHBOURS {
        let (kept, now) = (rows_of(&before, host), rows_of(&after, host));
        let lost = kept.iter().find(|row| !now.contains(row));
        ensure!(kept.len() > 40 && lost.is_none() && kept.len() == now.len(), "{name}: {lost:?}");
    }
    let mut rows = left_of(&after, "elsewhere-evil.test");
    // Another host, of which the purged one had an account.
    rows.retain(|row| !row.starts_with("counter_cache"));
    ensure!(rows.is_empty(), "{name}: {} rows are left:\n{}", rows.len(), rows.join("\n"));
    others_are_right(&pool, &left, &locals, counters(name)).await?;
    let active = if world.flavour() == testkit::Flavour::Pleroma22 {
        "not u.deactivated"
    } else {
        "u.is_active"
    };
    let wrong = wrong_counters(&pool, active).await?;
    ensure!(wrong.is_empty(), "{name}: counters of {wrong:?}");
    nothing_dangles(&after)
}

/// Rows of a table that refer to one that is gone.
fn nothing_dangles(state: &State) -> Result<()> {
    let actors: Vec<&Value> = state.rows("users").iter().map(|row| &row["ap_id"]).collect();
    let hashtags: Vec<&Value> = state.rows("hashtags").iter().map(|row| &row["name"]).collect();
    ensure!(!hashtags.contains(&&json!("onlyevil")), "{hashtags:?}");
    for row in state.rows("chats") {
        ensure!(actors.contains(&&row["recipient"]), "{row}");
    }
    Ok(())
}

macro_rules! scanned {
    ($($test:ident: [$($release:literal),+],)+) => {
        $(#[tokio::test]
        async fn $test() -> Result<()> {
            $(nothing_is_left_on($release).await?;)+
            Ok(())
        })+
    };
}

scanned! {
    nothing_is_left_on_pleroma: ["pleroma-2.4", "pleroma-2.5", "pleroma-2.6", "pleroma-2.7"],
    nothing_is_left_on_newer_pleroma: ["pleroma-2.10", "pleroma-develop", "rebased-2.6.50"],
    nothing_is_left_on_akkoma: ["akkoma-3.10", "akkoma-3.15", "akkoma-3.16"],
    nothing_is_left_on_newer_akkoma: ["akkoma-3.17", "akkoma-3.20", "pleroma-2.2"],
}

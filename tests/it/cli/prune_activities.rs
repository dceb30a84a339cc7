//! `prune activities`: what it deletes and what it leaves alone, by id, on each family.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Database, Release};
use uuid::Uuid;

use super::Fixture;

/// The original's query for activities with one object.
pub(super) const SINGLES: &str = "select a.id from activities a
    left join objects o on a.data ->> 'object' = o.data ->> 'id'
    left join activities a2 on a.data ->> 'object' = a2.data ->> 'id'
    left join users u on a.data ->> 'object' = u.ap_id
    where not a.local and jsonb_typeof(a.data -> 'object') = 'string'
      and o.id is null and a2.id is null and u.id is null";

/// For those with a list of objects.
pub(super) const PLEROMA_LISTS: &str = "select a.id from activities a
    join json_array_elements_text((a.data -> 'object')::json) as j on jsonb_typeof(a.data -> 'object') = 'array'
    left join objects o on j.value = o.data ->> 'id'
    left join activities a2 on j.value = a2.data ->> 'id'
    left join users u on j.value = u.ap_id
    where not a.local
    group by a.id
    having max(o.data ->> 'id') is null and max(a2.data ->> 'id') is null and max(u.ap_id) is null";
pub(super) const AKKOMA_LISTS: &str = "select a.id from activities a
    join json_array_elements_text((a.data -> 'object')::json) as j on jsonb_typeof(a.data -> 'object') = 'array'
    left join objects o on j.value = o.data ->> 'id'
    left join activities a2 on j.value = a2.data ->> 'id'
    left join users u on j.value = u.ap_id
    where a.data ->> 'type' = 'Flag'
    group by a.id
    having max(o.data ->> 'id') is null and max(a2.data ->> 'id') is null and max(u.ap_id) is null";

const RELEASES: [(&str, &str); 4] = [
    ("pleroma-2.2", PLEROMA_LISTS),
    ("pleroma-2.9", PLEROMA_LISTS),
    ("rebased-2.6.50", PLEROMA_LISTS),
    ("akkoma-3.16", AKKOMA_LISTS),
];

async fn ids(pool: &PgPool, query: &'static str) -> Result<BTreeSet<Uuid>> {
    Ok(sqlx::query_scalar(query).fetch_all(pool).await?.into_iter().collect())
}

async fn all(pool: &PgPool) -> Result<BTreeSet<Uuid>> {
    ids(pool, "select id from activities").await
}

/// Activities of all kinds; returns those that only open reports and notes on reports protect.
async fn seed(fixture: &Fixture) -> Result<BTreeSet<Uuid>> {
    let world = &fixture.world;
    let alice = world.local("alice").await?;
    let far = world.remote("far", "far.example").await?;
    let post = alice.posts("here").create().await?;
    let like = far.likes(&post).await?;
    let like: String = sqlx::query_scalar("select data ->> 'id' from activities where id = $1")
        .bind(like)
        .fetch_one(&fixture.pool())
        .await?;
    far.posts("here").create().await?;
    let gone = |what: &str| json!(format!("https://gone.example/{what}"));
    let objects: [Value; 12] = [
        gone("objects/1"),
        gone("users/1"),
        json!(post.object),
        json!(like),
        json!(alice.ap_id()),
        json!({"id": "https://gone.example/objects/1", "type": "Note"}),
        json!([]),
        json!([gone("users/1"), gone("objects/1")]),
        json!([gone("users/1"), post.object]),
        json!([alice.ap_id(), gone("objects/1")]),
        json!([gone("users/1"), {"type": "Note", "id": post.object}]),
        json!([gone("users/1"), 5, null]),
    ];
    let mut protected = BTreeSet::new();
    for account in [&alice, &far] {
        for object in &objects {
            for kind in ["Like", "Announce", "Flag", "Create", "Undo"] {
                let state = if kind == "Flag" { "closed" } else { "" };
                account
                    .publishes(json!({"type": kind, "object": object, "state": state,
                                      "to": [alice.ap_id()], "cc": []}))
                    .await?;
            }
        }
        account
            .publishes(json!({"type": "Flag", "object": gone("users/1"), "to": [], "cc": []}))
            .await?;
        let noted = account
            .publishes(json!({"type": "Flag", "object": [gone("users/1")], "state": "resolved",
                              "to": [], "cc": []}))
            .await?;
        sqlx::query(
            "insert into report_notes (user_id, activity_id, content, inserted_at, updated_at)
             values ($1, $2, 'spam', now(), now())",
        )
        .bind(alice.id())
        .bind(noted)
        .execute(&fixture.pool())
        .await?;
        let reported = account
            .publishes(json!({"type": "Announce", "object": gone("objects/2"), "to": [], "cc": []}))
            .await?;
        sqlx::query("update activities set data = jsonb_set(data, '{id}', $2) where id = $1")
            .bind(reported)
            .bind(json!(format!("https://far.example/reported/{}", account.nickname())))
            .execute(&fixture.pool())
            .await?;
        let open = account
            .publishes(json!({"type": "Flag", "state": "open", "to": [], "cc": [],
                "object": [gone("users/1"), {"type": "Note", "id":
                    format!("https://far.example/reported/{}", account.nickname())}]}))
            .await?;
        protected.extend([noted, reported, open]);
    }
    Ok(protected)
}

async fn fixture(release: &str) -> Result<(Fixture, BTreeSet<Uuid>)> {
    let fixture = Fixture::on(Database::of_release(Release::named(release)?).await?).await?;
    let protected = seed(&fixture).await?;
    Ok((fixture, protected))
}

#[tokio::test]
async fn what_the_original_deletes_goes_but_what_reports_need() -> Result<()> {
    for (release, lists) in RELEASES {
        let (fixture, protected) = fixture(release).await?;
        let pool = fixture.pool();
        let before = all(&pool).await?;
        let mut expected = ids(&pool, SINGLES).await?;
        expected.extend(ids(&pool, lists).await?);
        ensure!(!expected.is_disjoint(&protected), "{release}: no report needs anything");
        let expected: BTreeSet<Uuid> = expected.difference(&protected).copied().collect();
        let planned = fixture.refused("prune activities --dry-run").await?;
        let line = format!("  {} orphaned activities", expected.len());
        ensure!(planned.stdout.contains(&line), "{release}: {line}: {planned:?}");
        let done = fixture.run("prune activities --yes --inline")?;
        ensure!(done.code == 0, "{release}: {done:?}");
        ensure!(done.stdout.contains("Deleted the orphaned activities."), "{release}: {done:?}");
        let after = all(&pool).await?;
        let gone: BTreeSet<Uuid> = before.difference(&after).copied().collect();
        ensure!(gone == expected, "{release}: {:?}", gone.symmetric_difference(&expected));
        let again = fixture.run("prune activities --yes --inline")?;
        ensure!(again.stderr.contains("There was nothing to do."), "{release}: {again:?}");
    }
    Ok(())
}

#[tokio::test]
async fn options_choose_among_them() -> Result<()> {
    for (release, lists) in [RELEASES[1], RELEASES[3]] {
        let (fixture, protected) = fixture(release).await?;
        let pool = fixture.pool();
        let wanted = async |query| -> Result<BTreeSet<Uuid>> {
            Ok(ids(&pool, query).await?.difference(&protected).copied().collect())
        };
        let (singles, lists) = (wanted(SINGLES).await?, wanted(lists).await?);
        let before = all(&pool).await?;
        let mut gone = BTreeSet::new();
        // The oldest first, of each kind.
        let oldest =
            |of: &BTreeSet<Uuid>, number| of.iter().take(number).copied().collect::<Vec<_>>();
        for (options, expected) in [
            ("--limit 2", [oldest(&singles, 2), oldest(&lists, 2)].concat()),
            ("--no-singles --limit 3", oldest(&lists, 5)),
            ("--no-singles", lists.iter().copied().collect()),
            ("--no-arrays", singles.iter().copied().collect()),
        ] {
            gone.extend(expected);
            let done = fixture.run(&format!("prune activities {options} --yes --inline"))?;
            ensure!(done.code == 0, "{release} {options}: {done:?}");
            let after = all(&pool).await?;
            let left: BTreeSet<Uuid> = before.difference(&gone).copied().collect();
            let wrong: Vec<_> = after.symmetric_difference(&left).collect();
            ensure!(wrong.is_empty(), "{release} {options}: {wrong:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn bad_input_changes_nothing() -> Result<()> {
    let (fixture, _) = fixture("pleroma-2.9").await?;
    let lines = [
        "prune activities --limit 0",
        "prune activities --limit many --yes",
        "prune activities --no-singles --no-arrays --yes",
        "prune activities orphaned",
        "prune",
        "prune activity",
    ];
    for (line, done) in lines.iter().zip(fixture.all_refused(&lines).await?) {
        ensure!(done.code == 2, "{line}: {done:?}");
    }
    let done = fixture.refused("prune activities").await?;
    ensure!(done.code == 4 && done.stderr.contains("add --yes"), "{done:?}");
    Ok(())
}

//! Posts, likes and boosts, and the posts that they refer to.

use anyhow::{Result, ensure};
use testkit::{Account, Flavour, Post};

use super::{Fixture, cases, documents::Documents};

/// Posts, likes and boosts of an account, all of them odd. Returns the rows of the posts.
async fn seed(
    fixture: &Fixture,
    documents: &mut Documents,
    account: &Account,
    theirs: &[Post],
) -> Result<Vec<i64>> {
    let pool = fixture.pool();
    // Pleroma 2.2 itself does not accept an invalid address.
    let without: &[&str] =
        if fixture.database.flavour() == Flavour::Pleroma22 { &["to", "cc"] } else { &[] };
    let mut rows = Vec::new();
    for number in 0..30 {
        let mut post = account.posts(&format!("post {number}"));
        if let Some(parent) = theirs.get(number % 7) {
            post = post.replying_to(parent);
        }
        let post = post.create().await?;
        documents.spoil_object(&pool, post.object_row, without).await?;
        rows.push(post.object_row);
    }
    for post in theirs {
        let like = account.likes(post).await?;
        let boost = account.boosts(post).await?;
        documents.spoil_activity(&pool, like, without).await?;
        documents.spoil_activity(&pool, boost, without).await?;
    }
    Ok(rows)
}

#[tokio::test]
async fn whatever_strangers_wrote_goes() -> Result<()> {
    for flavour in Flavour::ALL {
        for (seed, mut documents) in cases() {
            goes(flavour, &mut documents).await.map_err(|error| {
                error.context(format!("{flavour}, OSTRAKON_HOSTILE_SEED={seed}"))
            })?;
        }
    }
    Ok(())
}

async fn goes(flavour: Flavour, documents: &mut Documents) -> Result<()> {
    let fixture = Fixture::without_server(flavour).await?;
    let alice = fixture.world.local("alice").await?;
    let carl = fixture.world.remote("carl", "far.example").await?;
    let bob = fixture.world.local("bob").await?;
    let mut theirs = Vec::new();
    for number in 0..8 {
        theirs.push(bob.posts(&format!("bob {number}")).create().await?);
    }
    let alices = seed(&fixture, documents, &alice, &theirs).await?;
    let carls = seed(&fixture, documents, &carl, &theirs).await?;
    for post in &theirs {
        documents.spoil_object(&fixture.pool(), post.object_row, &["actor"]).await?;
    }
    fixture.sql("create table before as select id, data from objects").await?;

    for (line, account, rows) in [
        ("user delete_activities alice --yes --inline", &alice, &alices),
        ("user delete_activities carl@far.example --remote --yes --inline", &carl, &carls),
    ] {
        let done = fixture.run(line)?;
        let parked = fixture.parked().await?;
        ensure!(done.code == 0 && parked.is_empty(), "{done:?}: {parked:?}");
        nothing_is_left(&fixture, account, rows).await?;
    }
    neighbours_keep_the_rest(&fixture, &bob).await
}

async fn nothing_is_left(fixture: &Fixture, account: &Account, rows: &[i64]) -> Result<()> {
    let left = fixture
        .number(
            "select count(*) from activities
             where actor = $1 and data ->> 'type' in ('Create', 'Like', 'Announce')",
            account,
        )
        .await?;
    ensure!(left == 0, "{left} activities are left");
    let buried: i64 = sqlx::query_scalar(
        "select count(*) from objects where id = any ($1) and data ->> 'type' = 'Tombstone'
           and data ?& '{id,formerType,deleted}' and (select count(*) from jsonb_object_keys(data)) = 4",
    )
    .bind(rows)
    .fetch_one(&fixture.pool())
    .await?;
    ensure!(usize::try_from(buried)? == rows.len(), "{buried} of {} are buried", rows.len());
    Ok(())
}

async fn neighbours_keep_the_rest(fixture: &Fixture, bob: &Account) -> Result<()> {
    let changed = fixture
        .number(
            "select count(*) from objects o join before b using (id),
                    cast('{likes,like_count,announcements,announcement_count,repliesCount,quotesCount}'
                         as text[]) as ours
             where b.data ->> 'actor' = $1 and o.data - ours is distinct from b.data - ours",
            bob,
        )
        .await?;
    ensure!(changed == 0, "{changed} posts of bob were changed");
    let wrong = fixture
        .number(
            "select count(*) from objects where data ->> 'actor' = $1 and not (
                 jsonb_typeof(data -> 'likes') = 'array' and jsonb_typeof(data -> 'announcements') = 'array'
                 and data -> 'like_count' = to_jsonb(jsonb_array_length(data -> 'likes'))
                 and data -> 'announcement_count' = to_jsonb(jsonb_array_length(data -> 'announcements')))",
            bob,
        )
        .await?;
    ensure!(wrong == 0, "the lists of {wrong} posts are wrong");
    Ok(())
}

#[tokio::test]
async fn foreign_counters_neither_fail_nor_lose_their_meaning() -> Result<()> {
    const COUNTERS: [(&str, &str); 13] = [
        ("5", "4"),
        ("0", "0"),
        ("-3", "0"),
        ("\" 7 \"", "6"),
        ("2.5", "1.5"),
        ("null", "0"),
        ("2147483648", "2147483647"),
        ("3000000000", "2147483647"),
        ("1e309", "2147483647"),
        ("-1e309", "0"),
        ("\"abc\"", "\"abc\""),
        ("\"99999999999999999999\"", "\"99999999999999999999\""),
        ("{\"a\": [1]}", "{\"a\": [1]}"),
    ];
    let fixture = Fixture::without_server(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    let bob = fixture.world.local("bob").await?;
    let mut parents = Vec::new();
    for (counter, expected) in COUNTERS {
        let parent = bob.posts("parent").create().await?;
        alice.posts("reply").replying_to(&parent).create().await?;
        alice.posts("quote").quoting(&parent).create().await?;
        sqlx::query(
            "update objects set data = data || jsonb_build_object('repliesCount', $2::text::jsonb,
                                                                 'quotesCount', $2::text::jsonb)
             where id = $1",
        )
        .bind(parent.object_row)
        .bind(counter)
        .execute(&fixture.pool())
        .await?;
        parents.push((parent.object_row, counter, expected));
    }
    let done = fixture.run("user delete_activities alice --yes --inline")?;
    assert_eq!(done.code, 0, "{done:?}");
    for (row, counter, expected) in parents {
        let (replies, quotes): (String, String) = sqlx::query_as(
            "select (data -> 'repliesCount')::text, (data -> 'quotesCount')::text from objects where id = $1",
        )
        .bind(row)
        .fetch_one(&fixture.pool())
        .await?;
        assert_eq!([replies.as_str(), quotes.as_str()], [expected; 2], "{counter}");
    }
    Ok(())
}

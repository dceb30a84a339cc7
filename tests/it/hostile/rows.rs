//! Rows that a server's own schema would not allow.

use anyhow::Result;
use testkit::Flavour;

use super::Fixture;

#[tokio::test]
async fn all_rows_of_an_object_are_buried() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Fixture::without_server(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        let bob = fixture.world.local("bob").await?;
        let parent = bob.posts("parent").create().await?;
        alice.posts("twice").replying_to(&parent).create().await?;
        alice.likes(&parent).await?;
        sqlx::query("update objects set data = data || '{\"repliesCount\": 5}' where id = $1")
            .bind(parent.object_row)
            .execute(&fixture.pool())
            .await?;
        fixture
            .sql(
                "drop index objects_unique_apid_index;
                 create index objects_apid on objects ((data ->> 'id'));
                 insert into objects (data, inserted_at, updated_at)
                     select data, inserted_at, updated_at from objects",
            )
            .await?;
        let done = fixture.run("user delete_activities alice --yes --inline")?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        let (readable, tombstones, deletes): (i64, i64, i64) = sqlx::query_as(
            "select count(*) filter (where data ->> 'type' = 'Note' and data ->> 'actor' like '%alice'),
                    count(*) filter (where data ->> 'type' = 'Tombstone'),
                    (select count(*) from activities where data ->> 'type' = 'Delete')
             from objects",
        )
        .fetch_one(&fixture.pool())
        .await?;
        assert_eq!((readable, tombstones, deletes), (0, 2, 1), "{flavour}");
        let parents: Vec<(String, i32)> = sqlx::query_as(
            "select data ->> 'repliesCount', jsonb_array_length(data -> 'likes') from objects
             where data ->> 'type' = 'Note'",
        )
        .fetch_all(&fixture.pool())
        .await?;
        assert_eq!(parents, vec![("4".to_owned(), 0); 2], "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn objects_beyond_four_bytes_are_deleted() -> Result<()> {
    // A deactivated account: ostrakon checks who fetched its posts, in a table with smaller
    // numbers.
    for flavour in [Flavour::Pleroma, Flavour::Akkoma] {
        let fixture = Fixture::without_server(flavour).await?;
        fixture.sql("alter sequence objects_id_seq restart with 3000000000").await?;
        let alice = fixture.world.local("alice").await?;
        let carl = fixture.world.remote("carl", "far.example").await?;
        carl.follows(&alice).await?;
        alice.posts("hello").create().await?;
        alice.is_deactivated().await?;
        let done = fixture.run("user delete_activities alice --yes --inline")?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_row_that_another_table_needs_is_parked_and_the_rest_goes() -> Result<()> {
    let fixture = Fixture::without_server(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    let bob = fixture.world.local("bob").await?;
    for number in 0..5 {
        let post = alice.posts(&format!("post {number}")).create().await?;
        bob.likes(&post).await?;
    }
    let needed = alice.posts("needed").create().await?;
    fixture
        .sql(
            "create table plugin (user_id uuid references users, activity_id uuid references activities);
             update users set is_confirmed = false where nickname = 'alice'",
        )
        .await?;
    sqlx::query("insert into plugin values ($1, $2)")
        .bind(alice.id())
        .bind(needed.activity)
        .execute(&fixture.pool())
        .await?;
    let done = fixture.run("user rm alice --yes --inline")?;
    assert_eq!(done.code, 6, "{done:?}");
    let parked = fixture.parked().await?;
    let [post, account] = parked.as_slice() else { panic!("{parked:?}") };
    assert!(post.contains("violates foreign key constraint") && post.contains("plugin"), "{post}");
    assert!(account.starts_with("its row stays, emptied: PostgreSQL said: "), "{account}");
    assert!(account.contains("plugin"), "{account}");
    let left = fixture
        .number(
            "select count(*) from activities where actor = $1 and data ->> 'type' = 'Create'",
            &alice,
        )
        .await?;
    assert_eq!(left, 1);

    // No table needs the rows any more: now they are removed.
    fixture.sql("drop table plugin").await?;
    let run = fixture.last_run().await?;
    let id = run["id"].as_str().unwrap_or_default();
    let done = fixture.run(&format!("runs retry {id} --parked"))?;
    assert_eq!(done.code, 0, "{done:?}");
    Ok(())
}

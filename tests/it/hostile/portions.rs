//! Too much work for one transaction.

use anyhow::Result;
use testkit::{Account, Flavour, Post};

use super::Fixture;

/// Adds `number` likes of a post, a notification of each, and as many notifications of the post
/// itself.
async fn crowd(fixture: &Fixture, post: &Post, author: &Account, number: i32) -> Result<()> {
    let mut tx = fixture.pool().begin().await?;
    sqlx::raw_sql("set local session_replication_role = replica").execute(&mut *tx).await?;
    sqlx::query(
        "insert into activities (id, data, actor, recipients, local, inserted_at, updated_at)
         select ('0000018f00000000' || lpad(to_hex(n), 16, '0'))::uuid,
                jsonb_build_object('id', 'https://far.example/likes/' || n, 'type', 'Like', 'object', $1::text,
                                   'actor', 'https://far.example/users/' || n, 'to', jsonb_build_array($2::text)),
                'https://far.example/users/' || n, array[$2], false, now(), now()
         from generate_series(1, $3) n",
    )
    .bind(&post.object)
    .bind(author.ap_id())
    .bind(number)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into notifications (user_id, activity_id, seen, inserted_at, updated_at)
         select $1, id, true, now(), now() from activities where data ->> 'object' = $2
         union all
         select $1, $4, true, now(), now() from generate_series(1, $3)",
    )
    .bind(author.id())
    .bind(&post.object)
    .bind(number)
    .bind(post.activity)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Makes the deletion of each notification take at least a millisecond.
const SLOW: &str = "create function dawdle() returns trigger language plpgsql as $$
    begin
        perform pg_sleep(0.001);
        return old;
    end $$;
    create trigger dawdle before delete on notifications for each row execute function dawdle()";

#[tokio::test]
async fn what_is_too_much_for_a_batch_goes_in_portions() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Fixture::without_server(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        alice.posts("before").create().await?;
        let loved = alice.posts("loved").create().await?;
        alice.likes(&loved).await?;
        alice.posts("after").create().await?;
        crowd(&fixture, &loved, &alice, 300).await?;
        fixture.sql(SLOW).await?;
        // Deleting all of them in one statement would take twice as long.
        let done = fixture
            .ostrakon
            .clone()
            .with("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "300ms")
            .run(&["user", "delete_activities", "alice", "--yes", "--inline"])?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        let left = fixture
            .number(
                "select (select count(*) from activities where data ->> 'type' <> 'Delete' and $1 <> '')
                      + (select count(*) from notifications)",
                &alice,
            )
            .await?;
        assert_eq!(left, 0, "{flavour}");
        let run = fixture.last_run().await?;
        assert_eq!((&run["done"], &run["total"]), (&4.into(), &4.into()), "{flavour}");
        assert_eq!(
            fixture.number("select note_count::bigint from users where ap_id = $1", &alice).await?,
            0
        );
    }
    Ok(())
}

#[tokio::test]
async fn so_do_the_notifications_of_a_single_post() -> Result<()> {
    let fixture = Fixture::without_server(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    let loved = alice.posts("loved").create().await?;
    crowd(&fixture, &loved, &alice, 300).await?;
    fixture.sql(SLOW).await?;
    let done = fixture
        .ostrakon
        .clone()
        .with("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "200ms")
        .run(&["user", "rm", "alice", "--yes", "--inline"])?;
    assert_eq!(done.code, 0, "{done:?}");
    let left = fixture.number("select count(*) from notifications where $1 <> ''", &alice).await?;
    assert_eq!(left, 0);
    Ok(())
}

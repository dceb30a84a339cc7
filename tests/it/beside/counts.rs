//! Counters of followers and of followed accounts, while the server creates a relation.

use super::*;

/// Creates an accepted relation and counts it at both ends, as the server does: `$1` follows `$2`.
async fn follow(request: &mut PgTransaction<'static>, who: &Account, whom: &Account) -> Result<()> {
    sqlx::query(
        "insert into following_relationships
           (follower_id, following_id, state, inserted_at, updated_at)
         values ($1, $2, 2, now(), now())",
    )
    .bind(who.id())
    .bind(whom.id())
    .execute(&mut **request)
    .await?;
    for (statement, account) in [
        ("update users set following_count = following_count + 1 where id = $1", who),
        ("update users set follower_count = follower_count + 1 where id = $1", whom),
    ] {
        sqlx::query(statement).bind(account.id()).execute(&mut **request).await?;
    }
    Ok(())
}

/// Local active accounts whose counters do not match their relations.
async fn wrong_counters(fixture: &Fixture) -> Result<Vec<Value>> {
    let active = if fixture.world.flavour() == Flavour::Pleroma22 {
        "not u.deactivated"
    } else {
        "u.is_active"
    };
    let statement = format!(
        "with counted as (
             select o.nickname, o.follower_count, o.following_count,
                    (select count(*) from following_relationships r
                     join users u on u.id = r.follower_id
                     where r.following_id = o.id and r.state = 2 and {active}) as followers,
                    (select count(*) from following_relationships r
                     join users u on u.id = r.following_id
                     where r.follower_id = o.id and r.state = 2 and {active}) as following
             from users o where o.local and (select {active} from users u where u.id = o.id)
         )
         select to_jsonb(counted) from counted
         where (follower_count, following_count) <> (followers, following)"
    );
    Ok(sqlx::query_scalar(testkit::put_together(statement)).fetch_all(&fixture.pool()).await?)
}

#[tokio::test]
async fn counters_are_right_although_the_server_makes_a_relation_meanwhile() -> Result<()> {
    // One statement counts for all commands and flavours, so not every combination is tested.
    for (flavour, commands) in [
        (
            Flavour::Pleroma,
            [
                "rm alice --yes",
                "deactivate alice",
                "deactivate carl@far.example",
                "deactivate_all_from_instance far.example --yes",
            ]
            .as_slice(),
        ),
        (Flavour::Akkoma, &["rm alice --yes"]),
        (Flavour::Pleroma22, &["rm alice --yes"]),
    ] {
        for command in commands {
            let fixture = Fixture::with_long_lock_waits(flavour).await?;
            let [alice, bob, dora] = [
                fixture.world.local("alice").await?,
                fixture.world.local("bob").await?,
                fixture.world.local("dora").await?,
            ];
            let carl = fixture.world.remote("carl", "far.example").await?;
            for end in [&alice, &carl] {
                end.follows(&bob).await?;
                end.follows(&dora).await?;
                bob.follows(end).await?;
            }
            let mut request = fixture.request().await?;
            follow(&mut request, &bob, &dora).await?;
            let command = fixture.begin(&format!("user {command} --inline"))?;
            fixture.stuck().await?;
            request.commit().await?;
            let done = Fixture::end(command)?;
            ensure!(done.code == 0, "{flavour}: {done:?}");
            let wrong = wrong_counters(&fixture).await?;
            ensure!(wrong.is_empty(), "{flavour}: after {done:?}: {wrong:?}");
        }
    }
    Ok(())
}

//! Relations that the server accepts during a batch: its transaction is open when the batch begins,
//! and commits while the batch waits for it, or after the batch. Every counter must include them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ostrakon_jobs::{DeactivateInstance, deactivate_instance::Host};
use sqlx::PgPool;
use testkit::{Account, Database, Flavour, World};
use uuid::Uuid;

use super::stage::Stage;

/// A transaction of the server that has accepted follows and is not committed yet.
async fn accepting(
    pool: &PgPool,
    relations: &[(Uuid, Uuid)],
) -> Result<sqlx::PgTransaction<'static>> {
    let mut tx = pool.begin().await?;
    for (follower, followed) in relations {
        for statement in [
            "insert into following_relationships (follower_id, following_id, state, inserted_at, updated_at)
             values ($1, $2, 2, now(), now())",
            "update users set following_count = following_count + 1 where id = $1 and id <> $2",
            "update users set follower_count = follower_count + 1 where id = $2 and id <> $1",
        ] {
            sqlx::query(statement).bind(follower).bind(followed).execute(&mut *tx).await?;
        }
    }
    Ok(tx)
}

/// Whether any session waits for a lock in this database.
async fn somebody_waits(pool: &PgPool) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from pg_stat_activity
                        where datname = current_database() and wait_event_type = 'Lock')",
    )
    .fetch_one(pool)
    .await?)
}

/// Local accounts: one half is followed by accounts of the host, the other half follows them.
async fn seed(world: &World) -> Result<(Vec<Account>, Vec<Account>)> {
    let (mut followed, mut following) = (Vec::new(), Vec::new());
    for number in 0..4 {
        followed.push(world.local(&format!("followed{number}")).await?);
        following.push(world.local(&format!("following{number}")).await?);
    }
    for number in 0..12 {
        let spammer = world.remote(&format!("s{number}"), "spam.example").await?;
        spammer.follows(&followed[number % 4]).await?;
        following[number % 4].follows(&spammer).await?;
    }
    Ok((followed, following))
}

#[tokio::test]
async fn deactivate_instance_counts_what_is_accepted_during_its_batches() -> Result<()> {
    for flavour in [Flavour::Pleroma, Flavour::Pleroma22] {
        let database = Database::create(flavour).await?;
        let world = World::new(&database);
        let (followed, following) = seed(&world).await?;
        let friend = world.local("friend").await?;
        let stage = Stage::on(database).await?;
        let pool = stage.pool();
        let job = DeactivateInstance::new(Host::parse("spam.example")?, false, None).into();
        let id = stage.enqueue(&job).await?;
        let (mut batches, mut waits) = (0, 0);
        while !stage.find(&id).await?.status.is_finished() {
            let fan = world.local(&format!("fan{batches}")).await?;
            let mut relations: Vec<(Uuid, Uuid)> =
                followed.iter().map(|account| (fan.id(), account.id())).collect();
            // Each of these accounts follows `friend` once, and later new accounts.
            let account = &following[batches % following.len()];
            if batches < following.len() {
                relations.push((account.id(), friend.id()));
            } else {
                relations.push((account.id(), fan.id()));
            }
            let server = accepting(&pool, &relations).await?;
            let begun = Instant::now();
            let batch = stage.run_one_batch_and_die(&job, &id);
            tokio::pin!(batch);
            let over = loop {
                tokio::select! {
                    done = &mut batch => { done?; break true }
                    () = tokio::time::sleep(Duration::from_millis(5)) => {}
                }
                ensure!(begun.elapsed() < Duration::from_secs(20), "neither waits nor ends");
                if somebody_waits(&pool).await? {
                    break false;
                }
            };
            server.commit().await?;
            if !over {
                waits += 1;
                batch.await?;
            }
            batches += 1;
            ensure!(batches < 100, "the run does not end");
        }
        ensure!(waits >= 3, "{flavour}: only {waits} of {batches} batches met the server");
        ensure!(stage.find(&id).await?.status.name() == "succeeded");
        let active = match flavour {
            Flavour::Pleroma22 => "not u.deactivated",
            Flavour::Pleroma | Flavour::Akkoma => "u.is_active",
        };
        let wrong = super::beside_server::wrong_counters(&pool, active).await?;
        ensure!(wrong.is_empty(), "{flavour}: counters of {wrong:?} are wrong");
    }
    Ok(())
}

//! `DeactivateInstance` keeps the contract, on every flavour.

use anyhow::{Result, ensure};
use ostrakon_engine::Ended;
use ostrakon_jobs::{DeactivateInstance, deactivate_instance::Host};
use testkit::{Database, Flavour, World};

use super::{Scenario, contract, stage::Stage};

/// A dozen accounts of the host among others, with relations to local accounts in both directions.
pub(super) async fn scenario(database: Database) -> Result<Scenario> {
    let world = World::new(&database);
    let alice = world.local("alice").await?;
    let bob = world.local("bob").await?;
    for number in 0..12 {
        let spammer = world.remote(&format!("s{number}"), "spam.example").await?;
        spammer.follows(&alice).await?;
        if number % 2 == 0 {
            spammer.follows(&bob).await?;
            bob.follows(&spammer).await?;
        }
        // Names that a pattern would match as well.
        let host = ["spam.example.com", "sub.spam.example", "notspam.example"][number % 3];
        let other = world.remote(&format!("neighbour{number}"), host).await?;
        other.follows(&world.local(&format!("neighbour{number}")).await?).await?;
    }
    let job = DeactivateInstance::new(Host::parse("spam.example")?, false, Some(alice.id()));
    Ok(Scenario { database, job: job.into(), bystander: "neighbour" })
}

#[tokio::test]
async fn pleroma_deactivate_instance_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Pleroma).await?).await?).await
}

#[tokio::test]
async fn akkoma_deactivate_instance_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Akkoma).await?).await?).await
}

#[tokio::test]
async fn pleroma22_deactivate_instance_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Pleroma22).await?).await?).await
}

/// Records which transaction ended a relation, and with which account.
const LOST: &str = "create table lost (followed uuid, batch xid8);
    create function lose() returns trigger language plpgsql as $$
    begin
        insert into lost values (old.following_id, pg_current_xact_id());
        return null;
    end $$;
    create trigger lose after delete on following_relationships for each row execute function lose()";

/// A local account that loses relations is recounted in that batch, over all its followers.
#[tokio::test]
async fn local_accounts_lose_their_relations_one_after_the_other() -> Result<()> {
    let Scenario { database, job, .. } =
        scenario(Database::create(Flavour::Pleroma).await?).await?;
    sqlx::raw_sql(LOST).execute(&database.pool()).await?;
    let stage = Stage::on(database).await?;
    let pool = stage.pool();
    let stage = stage.with_batches(pool.clone(), 4);
    let id = stage.enqueue(&job).await?;
    ensure!(stage.run(&job, &id).await? == Ended::Succeeded);
    let batches: Vec<(i64, i64)> = sqlx::query_as(
        "select count(*), count(distinct followed) from lost group by batch order by batch",
    )
    .fetch_all(&pool)
    .await?;
    // Twelve relations of one account and six of the other.
    ensure!(batches.iter().map(|(relations, _)| relations).sum::<i64>() == 18, "{batches:?}");
    ensure!(batches.iter().filter(|(_, accounts)| *accounts > 1).count() <= 1, "{batches:?}");
    Ok(())
}

/// Accounts of the host that arrive while its relations are being ended are deactivated as well.
#[tokio::test]
async fn accounts_that_come_meanwhile_are_switched_off_as_well() -> Result<()> {
    let Scenario { database, job, .. } =
        scenario(Database::create(Flavour::Pleroma).await?).await?;
    sqlx::raw_sql(
        "create function come() returns trigger language plpgsql as $$
         begin
             insert into users (id, ap_id, nickname, bio, local, is_active, inserted_at, updated_at)
             values ('00000001-0000-0000-0000-000000000001', 'https://spam.example/users/late',
                     'late@spam.example', '', false, true, now(), now())
             on conflict do nothing;
             return null;
         end $$;
         create trigger come after delete on following_relationships execute function come()",
    )
    .execute(&database.pool())
    .await?;
    let stage = Stage::on(database).await?;
    let id = stage.enqueue(&job).await?;
    let ended = stage.run(&job, &id).await?;
    ensure!(ended == Ended::Succeeded, "{ended:?}");
    let active: i64 = sqlx::query_scalar(
        "select count(*) from users where nickname like '%@spam.example' and is_active",
    )
    .fetch_one(&stage.pool())
    .await?;
    ensure!(active == 0, "{active} are active");
    Ok(())
}

/// Continues a run as an older version may have left it: it has deactivated the accounts and has
/// had them reloaded immediately. It has ended no relation yet, or all but those of the excluded
/// account.
async fn begun_by_an_older_version(flavour: Flavour, cursor: &str, ended: bool) -> Result<()> {
    let Scenario { database, job, .. } = scenario(Database::create(flavour).await?).await?;
    let pool = database.pool();
    let stage = Stage::on(database).await?;
    let id = stage.enqueue(&job).await?;
    sqlx::raw_sql(match flavour {
        Flavour::Pleroma22 => {
            "update users set deactivated = true where nickname like '%@spam.example'"
        }
        _ => "update users set is_active = false where nickname like '%@spam.example'",
    })
    .execute(&pool)
    .await?;
    if ended {
        sqlx::raw_sql(
            "delete from following_relationships r using users u
             where u.id = r.follower_id and u.nickname ~ '^s([0-9]|10)@spam.example$';
             update users a
             set follower_count = (select count(*) from following_relationships r
                                   where r.following_id = a.id and r.follower_id not in (
                                       select id from users where nickname like '%@spam.example'))
             where a.local",
        )
        .execute(&pool)
        .await?;
    }
    let excluded: uuid::Uuid =
        sqlx::query_scalar("select id from users where nickname = 's11@spam.example'")
            .fetch_one(&pool)
            .await?;
    let cursor: serde_json::Value =
        serde_json::from_str(&cursor.replace("SPARED", &excluded.to_string()))?;
    sqlx::query("update ostrakon.runs set cursor = $1, status = 'queued', started_at = now()")
        .bind(cursor)
        .execute(&pool)
        .await?;
    ensure!(stage.run(&job, &id).await? == Ended::Succeeded);
    let relations: Vec<String> = sqlx::query_scalar(
        "select distinct u.nickname::text from following_relationships r
         join users u on u.id = r.follower_id where u.nickname like '%@spam.example'",
    )
    .fetch_all(&pool)
    .await?;
    // Pleroma 2.2 repeats what a deactivation does.
    let left: &[&str] = if flavour == Flavour::Pleroma22 { &[] } else { &["s11@spam.example"] };
    ensure!(relations == left, "{flavour}: relations of {relations:?}");
    let jobs: i64 = sqlx::query_scalar(
        "select count(*) from oban_jobs where args ->> 'op' in ('user_activation', 'deactivate_user')",
    )
    .fetch_one(&pool)
    .await?;
    ensure!(jobs == 0, "{flavour}: {jobs} accounts are read anew once more");
    let active = if flavour == Flavour::Pleroma22 { "not u.deactivated" } else { "u.is_active" };
    let wrong = super::beside_server::wrong_counters(&pool, active).await?;
    ensure!(wrong.is_empty(), "{flavour}: counters of {wrong:?}");
    Ok(())
}

#[tokio::test]
async fn what_an_older_version_has_begun_is_brought_to_its_end() -> Result<()> {
    for flavour in [Flavour::Akkoma, Flavour::Pleroma22] {
        for (cursor, ended) in [
            (
                r#"{"step":"switch","after":"ffffffff-ffff-ffff-ffff-ffffffffffff","excluded":["SPARED"]}"#,
                false,
            ),
            (
                r#"{"step":"unfollow","after":"00000000-0000-0000-0000-000000000000","excluded":["SPARED"]}"#,
                false,
            ),
            (r#"{"step":"recount","after":"00000000-0000-0000-0000-000000000000"}"#, true),
        ] {
            begun_by_an_older_version(flavour, cursor, ended).await?;
        }
    }
    Ok(())
}

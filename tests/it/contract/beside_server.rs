//! A server executes the jobs that a run writes, whenever it likes. It makes no request to the
//! deactivated host, and ends no relation by itself.

use std::{cell::Cell, env};

use anyhow::{Context as _, Result, ensure};
use ostrakon_engine::{Ended, ledger};
use ostrakon_jobs::{AnyJob, DeactivateInstance, DeactivateUser, deactivate_instance::Host};
use sqlx::PgPool;
use testkit::{Account, Database, Flavour, ObanPlayer, Played, World};
use uuid::Uuid;

use super::stage::Stage;

const HOST: &str = "spam.example";

/// Number of seeds in one test run; `OSTRAKON_SERVER_SEEDS` sets another one.
const SEEDS: u64 = 2;

const FLAVOURS: [Flavour; 3] = [Flavour::Pleroma, Flavour::Akkoma, Flavour::Pleroma22];

/// Local accounts; accounts of the host, with and without relations to them in both directions; and
/// what the server has in its cache.
struct Scene {
    stage: Stage,
    world: World,
    locals: Vec<Account>,
    player: ObanPlayer,
    job: AnyJob,
}

impl Scene {
    async fn new(flavour: Flavour) -> Result<Self> {
        let database = Database::create(flavour).await?;
        let world = World::new(&database);
        let mut locals = Vec::new();
        for name in ["alice", "bob", "carol"] {
            locals.push(world.local(name).await?);
        }
        for number in 0..10 {
            let spammer = world.remote(&format!("s{number}"), HOST).await?;
            if number % 2 == 0 {
                spammer.follows(&locals[number % 3]).await?;
            }
            if number % 4 == 0 {
                spammer.follows(&locals[(number + 1) % 3]).await?;
            }
            if number % 3 == 0 {
                locals[number % 2].follows(&spammer).await?;
            }
        }
        let gone = world.local("gone").await?;
        world.remote("left", HOST).await?.follows(&gone).await?;
        gone.is_deactivated().await?;
        // The job that reloads an account would fetch the links in its profile.
        sqlx::raw_sql(
            "update users set raw_fields = '[{\"name\": \"me\", \"value\": \"https://spam.example/me\"}]'
             where nickname in ('s0@spam.example', 's1@spam.example')",
        )
        .execute(&database.pool())
        .await?;
        let player = ObanPlayer::start(&database).await?;
        let stage = Stage::on(database).await?;
        let job = DeactivateInstance::new(Host::parse(HOST)?, false, None).into();
        Ok(Self { stage, world, locals, player, job })
    }

    fn pool(&self) -> PgPool {
        self.stage.pool()
    }

    /// Checks the result, after the run has ended and the server has done all its jobs.
    async fn judge(&self, played: &Played) -> Result<()> {
        played.require_harmless(HOST)?;
        let active = self.flag();
        let accounts = self.of_host(active).await?;
        ensure!(accounts.is_empty(), "still active: {accounts:?}");
        let all = self.of_host("true").await?;
        for account in &all {
            ensure!(
                !self.player.takes_for_active(*account),
                "the server takes {account} for active"
            );
            let asked = played.accounts.iter().filter(|asked| *asked == account).count();
            ensure!(asked == 1, "the server was asked {asked} times to read {account} anew");
        }
        ensure!(wrong_counters(&self.pool(), active).await?.is_empty(), "counters are wrong");
        let statement = format!(
            "select count(*) from following_relationships r join users u on u.id = r.following_id
             where r.follower_id = any ($1) and r.state = 2 and u.local and {active}"
        );
        let left: i64 = sqlx::query_scalar(testkit::put_together(statement))
            .bind(&all)
            .fetch_one(&self.pool())
            .await?;
        ensure!(left == 0, "{left} relations are left");
        Ok(())
    }

    async fn of_host(&self, which: &str) -> Result<Vec<Uuid>> {
        let statement =
            format!("select id from users u where nickname like '%@spam.example' and {which}");
        Ok(sqlx::query_scalar(testkit::put_together(statement)).fetch_all(&self.pool()).await?)
    }

    fn flag(&self) -> &'static str {
        match self.world.flavour() {
            Flavour::Pleroma22 => "not u.deactivated",
            Flavour::Pleroma | Flavour::Akkoma => "u.is_active",
        }
    }

    /// Adds a relation as the server does, and counts it at local accounts.
    async fn relate(&self, one: Uuid, other: Uuid) -> Result<()> {
        let mut tx = self.pool().begin().await?;
        sqlx::query(
            "insert into following_relationships (follower_id, following_id, state, inserted_at, updated_at)
             values ($1, $2, 2, now(), now()) on conflict do nothing",
        )
        .bind(one)
        .bind(other)
        .execute(&mut *tx)
        .await?;
        let counts = format!(
            "update users a set
                 follower_count = (select count(*) from following_relationships r join users u on u.id = r.follower_id
                                   where r.following_id = a.id and r.state = 2 and {0}),
                 following_count = (select count(*) from following_relationships r join users u on u.id = r.following_id
                                    where r.follower_id = a.id and r.state = 2 and {0})
             where id in ($1, $2) and local",
            self.flag()
        );
        sqlx::query(testkit::put_together(counts)).bind(one).bind(other).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Active local accounts whose counters do not match their relations.
pub(super) async fn wrong_counters(pool: &PgPool, active: &str) -> Result<Vec<String>> {
    let statement = format!(
        "select a.nickname::text from users a
         where a.local and exists (select from users u where u.id = a.id and {active}) and (
             a.follower_count <> (select count(*) from following_relationships r join users u on u.id = r.follower_id
                                  where r.following_id = a.id and r.state = 2 and {active})
             or a.following_count <> (select count(*) from following_relationships r join users u on u.id = r.following_id
                                      where r.follower_id = a.id and r.state = 2 and {active}))"
    );
    Ok(sqlx::query_scalar(testkit::put_together(statement)).fetch_all(pool).await?)
}

#[tokio::test]
async fn the_server_does_its_jobs_after_every_batch() -> Result<()> {
    for flavour in FLAVOURS {
        let mut scene = Scene::new(flavour).await?;
        let id = scene.stage.enqueue(&scene.job).await?;
        let mut played = Played::default();
        while !scene.stage.find(&id).await?.status.is_finished() {
            scene.stage.run_one_batch_and_die(&scene.job, &id).await?;
            played.extend(scene.player.play().await?);
            played.require_harmless(HOST).with_context(|| flavour.to_string())?;
        }
        scene.judge(&played).await.with_context(|| flavour.to_string())?;
    }
    Ok(())
}

#[tokio::test]
async fn the_server_does_its_jobs_all_along() -> Result<()> {
    for flavour in FLAVOURS {
        let mut scene = Scene::new(flavour).await?;
        let id = scene.stage.enqueue(&scene.job).await?;
        let Scene { stage, player, job, .. } = &mut scene;
        let over = Cell::new(false);
        let run = async {
            let ended = stage.run(job, &id).await;
            over.set(true);
            ended
        };
        let server = async {
            let mut played = Played::default();
            while !over.get() {
                played.extend(player.play().await?);
            }
            anyhow::Ok(played)
        };
        let (ended, played) = tokio::join!(run, server);
        let (ended, mut played) = (ended?, played?);
        ensure!(ended == Ended::Succeeded, "{flavour}: {ended:?}");
        let run = scene.stage.find(&id).await?;
        ensure!(Some(run.done) == run.total, "{flavour}: {} of {:?}", run.done, run.total);
        played.extend(scene.player.play().await?);
        scene.judge(&played).await.with_context(|| flavour.to_string())?;
    }
    Ok(())
}

#[tokio::test]
async fn one_account_is_deactivated_beside_a_server() -> Result<()> {
    for flavour in FLAVOURS {
        let mut scene = Scene::new(flavour).await?;
        for nickname in ["s0@spam.example", "s4@spam.example"] {
            let actor = format!("https://{HOST}/users/{}", &nickname[..2]);
            let nickname = nickname.to_owned();
            let job = DeactivateUser::new(nickname, actor, None).into();
            let id = scene.stage.enqueue(&job).await?;
            ensure!(scene.stage.run(&job, &id).await? == Ended::Succeeded);
            let played = scene.player.play().await?;
            ensure!(!played.accounts.is_empty(), "{flavour}: the server was not asked");
            played.require_harmless(HOST).with_context(|| flavour.to_string())?;
        }
    }
    Ok(())
}

/// Random events between two batches.
struct Dice(u64);

impl Dice {
    /// A number below `sides`, by `SplitMix64`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0) % sides
    }
}

fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The server accepts what its cache allows, accounts arrive, an operator cancels the run and
/// retries it or makes a new request: the jobs stay harmless.
async fn in_no_order_of_events_does_the_server_ask_the_host(flavour: Flavour) -> Result<()> {
    let seeds = env::var("OSTRAKON_SERVER_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    for seed in 0..seeds.unwrap_or(SEEDS) {
        play_through(flavour, seed).await.with_context(|| format!("{flavour}, seed {seed}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn pleroma_does_not_ask_the_host_in_any_order_of_events() -> Result<()> {
    in_no_order_of_events_does_the_server_ask_the_host(Flavour::Pleroma).await
}

#[tokio::test]
async fn akkoma_does_not_ask_the_host_in_any_order_of_events() -> Result<()> {
    in_no_order_of_events_does_the_server_ask_the_host(Flavour::Akkoma).await
}

#[tokio::test]
async fn pleroma22_does_not_ask_the_host_in_any_order_of_events() -> Result<()> {
    in_no_order_of_events_does_the_server_ask_the_host(Flavour::Pleroma22).await
}

async fn play_through(flavour: Flavour, seed: u64) -> Result<()> {
    let mut dice = Dice(seed);
    let mut scene = Scene::new(flavour).await?;
    let mut id = scene.stage.enqueue(&scene.job).await?;
    let mut played = Played::default();
    let mut born = 0;
    for turn in 0.. {
        ensure!(turn < 200, "the run does not end");
        let run = scene.stage.find(&id).await?;
        match run.status.name() {
            "succeeded" => break,
            "cancelled" if dice.roll(2) == 0 => {
                let mut db = scene.pool().acquire().await?;
                ledger::retry(&mut db, &id, "test").await?;
            }
            "cancelled" => id = scene.stage.enqueue(&scene.job).await?,
            "failed" => anyhow::bail!("failed: {:?}", run.last_error),
            _ => scene.stage.run_one_batch_and_die(&scene.job, &id).await?,
        }
        match dice.roll(6) {
            0 => {
                let order = mixed(dice.roll(1 << 32));
                let some = usize::try_from(dice.roll(4))?;
                let done = scene
                    .player
                    .play_some(some, |id| mixed(order ^ u64::try_from(id).unwrap_or_default()));
                played.extend(done.await?);
            }
            1 | 2 => something_new(&scene, &mut dice).await?,
            3 if born < 3 => {
                born += 1;
                let late = scene.world.remote(&format!("late{born}"), HOST).await?;
                late.follows(&scene.locals[born % 3]).await?;
            }
            4 if turn % 3 == 0 => {
                let mut db = scene.pool().acquire().await?;
                // The run may have ended.
                let _cancelled = ledger::cancel(&mut db, &id, "test").await;
            }
            _ => {}
        }
        played.require_harmless(HOST)?;
    }
    played.extend(scene.player.play().await?);
    scene.judge(&played).await
}

/// The server accepts a relation of an account that is active in its cache and has no waiting job.
async fn something_new(scene: &Scene, dice: &mut Dice) -> Result<()> {
    let waiting = scene.player.waiting().await?;
    let accounts: Vec<Uuid> = scene
        .of_host("true")
        .await?
        .into_iter()
        .filter(|id| scene.player.takes_for_active(*id) && !waiting.contains(id))
        .collect();
    if accounts.is_empty() {
        return Ok(());
    }
    let account = accounts[usize::try_from(dice.roll(accounts.len() as u64))?];
    let local = scene.locals[usize::try_from(dice.roll(3))?].id();
    if dice.roll(2) == 0 {
        scene.relate(account, local).await
    } else {
        scene.relate(local, account).await
    }
}

//! What the options keep, and what open reports refer to.

use anyhow::{Result, ensure};
use ostrakon_engine::Ended;
use ostrakon_jobs::purge_instance::{Keep, KeepFollowed};
use sqlx::PgPool;
use testkit::{Database, Flavour, World};
use uuid::Uuid;

use super::{
    super::stage::Stage,
    HOST, job,
    seed::{Left, Locals, Seed},
};

/// What is left of a host.
struct Purged {
    /// Holds the database.
    _stage: Stage,
    pool: PgPool,
    left: Left,
    locals: Locals,
}

/// Purges a host twice; the second run finds nothing to do. `report`: whether an open report refers
/// to a post.
async fn purged(flavour: Flavour, keep: Keep, report: bool) -> Result<Purged> {
    let database = Database::create(flavour).await?;
    let pool = database.pool();
    let world = World::new(&database);
    let locals = Locals::new(&world).await?;
    let seed = Seed::new(&database, &world, &locals);
    let left = seed.everything(HOST, "evil").await?;
    if report {
        seed.report(&left.mallory, "open", HOST, &[&left.lonely]).await?;
    }
    let job = job(keep)?.into();
    let stage = Stage::on(database).await?;
    let id = stage.enqueue(&job).await?;
    let ended = stage.run(&job, &id).await?;
    ensure!(ended == Ended::Succeeded, "{ended:?}");
    let run = stage.find(&id).await?;
    ensure!(Some(run.done) == run.total, "{} of {:?}", run.done, run.total);
    ensure!(stage.plan(&job).await?.total == 0, "something is left to do");
    Ok(Purged { _stage: stage, pool, left, locals })
}

impl Purged {
    async fn has(&self, statement: &'static str, id: &str) -> Result<bool> {
        let found: i64 = sqlx::query_scalar(statement).bind(id).fetch_one(&self.pool).await?;
        Ok(found > 0)
    }

    /// Contents of the host's posts that are left.
    async fn posts(&self) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar(
            "select btrim(split_part(o.data ->> 'content', '<', 1)) from objects o
             where o.data ->> 'id' like 'https://evil.example/%' and o.data ->> 'content' is not null
             order by 1",
        )
        .fetch_all(&self.pool)
        .await?)
    }

    async fn accounts(&self) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar("select nickname::text from users where not local order by nickname")
            .fetch_all(&self.pool)
            .await?)
    }

    async fn follows(&self, follower: Uuid, account: Uuid) -> Result<bool> {
        Ok(sqlx::query_scalar(
            "select exists (select from following_relationships
                            where follower_id = $1 and following_id = $2)",
        )
        .bind(follower)
        .bind(account)
        .fetch_one(&self.pool)
        .await?)
    }

    /// Each post that is left has its author and its Create; each account that is left is in the list
    /// that had it.
    async fn are_whole(&self) -> Result<()> {
        let broken: Vec<String> = sqlx::query_scalar(
            "select o.data ->> 'id' from objects o
             where o.data ->> 'id' like 'https://evil.example/%' and o.data ->> 'content' is not null
               and not (exists (select from users where ap_id = o.data ->> 'actor')
                        and exists (select from activities a where a.data ->> 'type' = 'Create'
                                    and a.data ->> 'object' = o.data ->> 'id'))",
        )
        .fetch_all(&self.pool)
        .await?;
        ensure!(broken.is_empty(), "{broken:?}");
        let unlisted: Vec<String> = sqlx::query_scalar(
            "select u.nickname::text from users u
             where u.nickname in ('mallory@evil.example', 'minion@evil.example')
               and not exists (select from lists
                               where following::text[] && array[u.ap_id::text, u.follower_address::text])",
        )
        .fetch_all(&self.pool)
        .await?;
        ensure!(unlisted.is_empty(), "{unlisted:?}");
        Ok(())
    }
}

#[tokio::test]
async fn what_an_open_report_refers_to_stays() -> Result<()> {
    let purged = purged(Flavour::Akkoma, Keep::default(), true).await?;
    ensure!(purged.posts().await? == ["nobody"], "{:?}", purged.posts().await?);
    ensure!(purged.accounts().await? == ["mallory@evil.example"]);
    ensure!(
        purged
            .has("select count(*) from activities where data ->> 'type' = 'Flag' and $1 <> ''", "x")
            .await?
    );
    ensure!(purged.has("select count(*) from report_notes where $1 <> ''", "x").await?);
    ensure!(!purged.follows(purged.locals.alice.id(), purged.left.mallory.id()).await?);
    purged.are_whole().await
}

#[tokio::test]
async fn posts_with_which_local_accounts_had_to_do_stay_if_asked_for() -> Result<()> {
    let nothing = Keep::default();
    for keep in [
        Keep { bookmarked: true, ..nothing },
        Keep { liked: true, ..nothing },
        Keep { replied_to: true, ..nothing },
    ] {
        let purged = purged(Flavour::Pleroma, keep, false).await?;
        let posts = purged.posts().await?;
        let expected: &[&str] = match keep {
            // Without an activity, nobody can bookmark it or answer.
            Keep { liked: true, .. } => &["fetched", "hello"],
            Keep { replied_to: true, .. } => &["hello", "you too evil"],
            _ => &["hello"],
        };
        ensure!(posts == expected, "{keep:?}: {posts:?}");
        ensure!(purged.accounts().await? == ["mallory@evil.example"], "{keep:?}");
        let hello = &purged.left.hello.object;
        let likes = "select count(*) from activities where data ->> 'object' = $1 and data ->> 'type' = 'Like'";
        ensure!(purged.has(likes, hello).await?, "{keep:?}: its likes are gone");
        let pins = "select count(*) from users where pinned_objects ? $1";
        ensure!(purged.has(pins, hello).await?, "{keep:?}: the pin is gone");
        ensure!(!purged.follows(purged.locals.alice.id(), purged.left.mallory.id()).await?);
    }
    Ok(())
}

#[tokio::test]
async fn followed_accounts_stay_with_their_posts_if_asked_for() -> Result<()> {
    let keep = Keep { followed: KeepFollowed::Posts, ..Keep::default() };
    let purged = purged(Flavour::Pleroma22, keep, false).await?;
    let posts = purged.posts().await?;
    ensure!(posts.contains(&"hello".to_owned()) && posts.contains(&"nobody".to_owned()));
    ensure!(!posts.contains(&"more".to_owned()), "{posts:?}");
    ensure!(purged.accounts().await? == ["mallory@evil.example"]);
    ensure!(purged.follows(purged.locals.alice.id(), purged.left.mallory.id()).await?);
    ensure!(!purged.follows(purged.left.mallory.id(), purged.locals.alice.id()).await?);
    let mine = "select count(*) from objects where data ->> 'id' = $1
                and data -> 'likes' ? 'https://evil.example/users/mallory'";
    ensure!(!purged.has(mine, &purged.left.mine.object).await?, "its like stays");
    Ok(())
}

#[tokio::test]
async fn followed_accounts_stay_as_they_are_if_asked_for() -> Result<()> {
    let keep = Keep { followed: KeepFollowed::Full, ..Keep::default() };
    let purged = purged(Flavour::Pleroma, keep, false).await?;
    ensure!(purged.accounts().await? == ["mallory@evil.example"]);
    ensure!(purged.follows(purged.locals.alice.id(), purged.left.mallory.id()).await?);
    ensure!(purged.follows(purged.left.mallory.id(), purged.locals.alice.id()).await?);
    let mine = "select count(*) from objects where data ->> 'id' = $1
                and data -> 'likes' ? 'https://evil.example/users/mallory'
                and not data -> 'likes' ? 'https://evil.example/users/minion'";
    ensure!(purged.has(mine, &purged.left.mine.object).await?, "its like is gone");
    Ok(())
}

#[tokio::test]
async fn accounts_stay_without_what_they_did_if_asked_for() -> Result<()> {
    let keep = Keep { accounts: true, ..Keep::default() };
    let purged = purged(Flavour::Akkoma, keep, false).await?;
    ensure!(purged.posts().await?.is_empty());
    ensure!(
        purged.accounts().await?
            == [
                "mallory@evil.example",
                "minion@evil.example",
                "named@evil.example",
                "placed@elsewhere-evil.test"
            ]
    );
    let blocks = "select count(*) from user_relationships r join users u on u.id = r.target_id
                  where u.nickname = $1";
    ensure!(purged.has(blocks, "minion@evil.example").await?, "bob's block is gone");
    let counters = "select count(*) from users where not local and note_count <> 0 and $1 <> ''";
    ensure!(!purged.has(counters, "x").await?, "counters of posts");
    Ok(())
}

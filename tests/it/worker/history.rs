//! The community of these tests, and the twin on which the job was done undisturbed.

use anyhow::{Result, ensure};
use sqlx::{PgPool, PgTransaction};
use testkit::{Database, Flavour, Ostrakon, State, World, compare, put_together, snapshot};
use tokio::sync::OnceCell;

use super::stage::reaches;

/// The whole of the job that most tests run.
pub(super) const TOTAL: i64 = 34;

/// What most tests queue.
pub(super) const DELETE_ALICE: [&str; 3] = ["user", "delete_activities", "alice"];

/// Alice's posts, likes and boosts; what is left of them; and which row is which post's.
struct History {
    before: State,
    after: State,
    objects: Vec<i64>,
}

static STORY: OnceCell<History> = OnceCell::const_new();

impl History {
    async fn get() -> Result<&'static Self> {
        STORY.get_or_try_init(Self::tell).await
    }

    async fn tell() -> Result<Self> {
        let database = Database::create(Flavour::Pleroma).await?;
        let world = World::new(&database);
        let alice = world.local("alice").await?;
        let bob = world.local("bob").await?;
        let carl = world.remote("carl", "far.example").await?;
        world.local("dora").await?;
        bob.follows(&carl).await?;
        let by_bob = bob.posts("hello alice").create().await?;
        let mut objects = Vec::new();
        for number in 1..=30 {
            let draft = alice.posts(&format!("number {number}"));
            let draft = if number % 7 == 0 { draft.replying_to(&by_bob) } else { draft };
            let post = draft.tagged(if number % 2 == 0 { "even" } else { "odd" }).create().await?;
            if number % 10 == 0 {
                bob.likes(&post).await?;
                carl.boosts(&post).await?;
            }
            objects.push(post.object_row);
        }
        for text in ["one", "two"] {
            let post = bob.posts(text).create().await?;
            alice.likes(&post).await?;
            alice.boosts(&post).await?;
        }
        let before = snapshot(&database.pool()).await?;
        let ostrakon = Ostrakon::on(&database).with("OSTRAKON_FEDERATION_PER_SECOND", "1000000");
        ostrakon.migrate()?;
        let done = ostrakon.run(&[&DELETE_ALICE[..], &["--inline", "--yes"]].concat())?;
        ensure!(done.code == 0, "{done:?}");
        let after = snapshot(&database.pool()).await?;
        Ok(Self { before, after, objects })
    }
}

/// Fills a database elsewhere with the community, and has batches wait there for held rows as long
/// as their own settings say.
pub(super) async fn load_story(pool: &PgPool) -> Result<()> {
    History::get().await?.before.load(pool).await?;
    looks_for_deadlocks_after(pool, "10min").await
}

/// How long somebody has to wait in this database, from the next connection on, until PostgreSQL
/// looks for a deadlock. Batches wait for half of that at most.
pub(super) async fn looks_for_deadlocks_after(pool: &PgPool, span: &str) -> Result<()> {
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(pool).await?;
    let set = format!("alter database {name} set deadlock_timeout = '{span}'");
    sqlx::raw_sql(put_together(set)).execute(pool).await?;
    Ok(())
}

/// Locks the row of one of alice's posts.
pub(super) async fn hold(pool: &PgPool, post: usize) -> Result<PgTransaction<'static>> {
    let object = History::get().await?.objects[post - 1];
    let mut transaction = pool.begin().await?;
    lock_object(&mut transaction, object).await?;
    Ok(transaction)
}

/// Names the row of one of alice's posts.
pub(super) async fn object_of(post: usize) -> Result<i64> {
    Ok(History::get().await?.objects[post - 1])
}

/// Locks one more row in a transaction that holds one.
pub(super) async fn hold_also(held: &mut PgTransaction<'static>, post: usize) -> Result<()> {
    lock_object(held, History::get().await?.objects[post - 1]).await
}

async fn lock_object(held: &mut PgTransaction<'static>, object: i64) -> Result<()> {
    let statement = "select 1 from objects where id = $1 for update";
    sqlx::query(statement).bind(object).execute(&mut **held).await?;
    Ok(())
}

/// Makes PostgreSQL refuse, with an SQLSTATE, to delete one of alice's posts.
pub(super) async fn spoil(pool: &PgPool, post: usize, sqlstate: &'static str) -> Result<()> {
    let object = History::get().await?.objects[post - 1];
    sqlx::raw_sql(
        "create table if not exists public.spoilt (id uuid primary key, sqlstate text not null);
         grant select on public.spoilt to public;
         create or replace function public.refuse() returns trigger language plpgsql as $$
         declare spoilt public.spoilt;
         begin
             select * into spoilt from public.spoilt s where s.id = old.id;
             if found then
                 raise exception 'this post is spoilt' using errcode = spoilt.sqlstate;
             end if;
             return old;
         end $$;
         create or replace trigger refuse before delete on public.activities
             for each row execute function public.refuse()",
    )
    .execute(pool)
    .await?;
    let spoilt = sqlx::query(
        "insert into public.spoilt
         select a.id, $2 from public.activities a join public.objects o
           on o.data ->> 'id' = a.data ->> 'object'
         where o.id = $1 and a.data ->> 'type' = 'Create'",
    )
    .bind(object)
    .bind(sqlstate)
    .execute(pool)
    .await?;
    ensure!(spoilt.rows_affected() == 1, "there is no such post");
    Ok(())
}

/// Takes back what `spoil` did to all posts with that SQLSTATE.
pub(super) async fn mend(pool: &PgPool, sqlstate: &str) -> Result<()> {
    let mended = sqlx::query("delete from public.spoilt where sqlstate = $1")
        .bind(sqlstate)
        .execute(pool)
        .await?;
    ensure!(mended.rows_affected() > 0, "nothing was spoilt");
    let left: i64 =
        sqlx::query_scalar("select count(*) from public.spoilt").fetch_one(pool).await?;
    if left == 0 {
        sqlx::raw_sql("drop trigger refuse on public.activities; drop function public.refuse; drop table public.spoilt")
            .execute(pool)
            .await?;
    }
    Ok(())
}

/// The numbers of alice's posts that are still there.
pub(super) async fn posts_left(pool: &PgPool) -> Result<Vec<usize>> {
    let objects: Vec<i64> = sqlx::query_scalar(
        "select o.id from public.activities a join public.objects o
           on o.data ->> 'id' = a.data ->> 'object'
         where a.data ->> 'type' = 'Create' and o.data ->> 'type' = 'Note'",
    )
    .fetch_all(pool)
    .await?;
    let history = History::get().await?;
    let numbered = history.objects.iter().enumerate();
    let left = numbered.filter(|(_, object)| objects.contains(object));
    Ok(left.map(|(index, _)| index + 1).collect())
}

/// Checks that alice's run is done as it was on the twin, in the figures and in every row.
pub(super) async fn is_like_the_twin(pool: &PgPool, id: &str) -> Result<()> {
    let run = reaches(pool, id, "succeeded").await?;
    ensure!((run.done, run.total, run.parked) == (TOTAL, Some(TOTAL), 0), "{run:?}");
    let History { before, after, .. } = History::get().await?;
    let differences = compare(before, after, &snapshot(pool).await?);
    ensure!(differences.is_empty(), "{differences:#?}");
    Ok(())
}

/// Checks that no row of the server has changed.
pub(super) async fn is_untouched(pool: &PgPool) -> Result<()> {
    ensure!(History::get().await?.before == snapshot(pool).await?, "rows have changed");
    Ok(())
}

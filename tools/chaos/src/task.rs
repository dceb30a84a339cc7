//! The tasks that run under fault injection, and the accounts that they concern.
//!
//! Each task has its own neighbourhood of accounts, so the final rows do not depend on the order of
//! tasks.

use anyhow::Result;
use sqlx::PgPool;
use testkit::{Account, Flavour, World};

/// Number of tasks in the first phase, which run simultaneously.
const NEIGHBOURHOODS: usize = 32;

/// Name of accounts that must stay unchanged; every row of theirs contains this word.
pub(super) const BYSTANDER: &str = "bystander";

/// A request to ostrakon.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// Arguments after `ostrakon user`.
    pub(super) arguments: Vec<String>,
}

impl Task {
    fn new(arguments: &[&str]) -> Self {
        Self { arguments: arguments.iter().map(|word| (*word).to_owned()).collect() }
    }
}

/// Returns the tasks in phases: the tasks of one phase may run in any order and simultaneously.
pub(super) fn phases() -> Vec<Vec<Task>> {
    let first = (0..NEIGHBOURHOODS).map(|n| match n % 8 {
        4 => Task::new(&["rm", &format!("author{n}")]),
        5 => Task::new(&["deactivate_all_from_instance", &format!("spam{n}.example")]),
        6 => Task::new(&["deactivate", &format!("author{n}")]),
        7 => Task::new(&["delete_activities", &format!("author{n}@bots{n}.example"), "--remote"]),
        _ => Task::new(&["delete_activities", &format!("author{n}")]),
    });
    let second = (0..NEIGHBOURHOODS)
        .filter(|n| n % 8 == 6)
        .map(|n| Task::new(&["activate", &format!("author{n}")]));
    let third = [Task::new(&["unconfirm_all"])];
    let fourth = [Task::new(&["confirm_all"])];
    vec![first.collect(), second.collect(), third.into(), fourth.into()]
}

/// Writes all accounts into an empty database.
pub(super) async fn settle(flavour: Flavour, pool: &PgPool) -> Result<()> {
    let world = World::on(flavour, pool.clone());
    let bystander = world.local(BYSTANDER).await?;
    let far = world.remote(BYSTANDER, "bystander.example").await?;
    far.follows(&bystander).await?;
    for number in 0..20 {
        let post = bystander.posts(&format!("{BYSTANDER} {number}")).tagged(BYSTANDER).create();
        far.likes(&post.await?).await?;
    }
    for n in 0..NEIGHBOURHOODS {
        match n % 8 {
            5 => spam_host(&world, n).await?,
            7 => {
                let bot = world.remote(&format!("author{n}"), &format!("bots{n}.example")).await?;
                history(&world, n, &bot).await?;
            }
            _ => {
                let author = world.local(&format!("author{n}")).await?;
                history(&world, n, &author).await?;
            }
        }
    }
    // One post that cannot be deleted: it is parked, and the rest of its run continues.
    sqlx::query(
        "insert into chaos.spoilt
         select id from public.activities
         where data ->> 'type' = 'Create' and actor like '%/users/author0'
         order by id offset 7 limit 1",
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Creates an account's posts, reactions of others to them, and relations in both directions.
async fn history(world: &World, n: usize, author: &Account) -> Result<()> {
    let fan = world.local(&format!("fan{n}")).await?;
    let far = world.remote(&format!("friend{n}"), &format!("far{n}.example")).await?;
    fan.follows(author).await?;
    far.follows(author).await?;
    if author.is_local() {
        author.follows(&far).await?;
    }
    let asked = fan.posts(&format!("what about {n}?")).create().await?;
    for number in 0..24 {
        let draft = author.posts(&format!("{n}, number {number}"));
        let draft = if number % 6 == 1 { draft.replying_to(&asked) } else { draft };
        let post = draft.tagged(&format!("tag{n}x{}", number % 3)).create().await?;
        if number % 3 == 0 {
            fan.likes(&post).await?;
        }
        if number % 5 == 0 {
            far.boosts(&post).await?;
        }
    }
    author.likes(&asked).await?;
    author.boosts(&asked).await?;
    Ok(())
}

/// Creates a host of accounts that follow a local account; some of them are followed by it.
async fn spam_host(world: &World, n: usize) -> Result<()> {
    let fan = world.local(&format!("fan{n}")).await?;
    for number in 0..12 {
        let spammer =
            world.remote(&format!("spammer{number}"), &format!("spam{n}.example")).await?;
        spammer.follows(&fan).await?;
        if number % 3 == 0 {
            fan.follows(&spammer).await?;
        }
    }
    Ok(())
}

//! `rm` compared with `delete_activities` of the same account.

use anyhow::Result;
use testkit::{
    Community,
    console::{say, show, show_table, thousands},
};

use super::accounts;
use super::env::{BenchEnv, SEEDED};
use super::figures::Figures;
use super::measure::{self, Measured};

/// Maximum extra milliseconds of a removal for each follow relation of the account: it ends the
/// relations, and undoes the Follows of local followers.
const RELATION_MS: f64 = 0.15;

const WORDS: [[&str; 3]; 2] =
    [["user", "delete_activities", Community::PROLIFIC], ["user", "rm", Community::PROLIFIC]];

/// Measures both; they alternate in going first.
pub(super) async fn run(env: &mut BenchEnv, posts: i32) -> Result<()> {
    env.seed(SEEDED, Community { posts, ..env.community() }, "").await?;
    let relations = count_relations(env).await?;
    let mut measured: [Vec<Measured>; 2] = [Vec::new(), Vec::new()];
    for round in 1..=env.rounds {
        let mut turns: Vec<_> = WORDS.into_iter().zip(&mut measured).collect();
        if round.is_multiple_of(2) {
            turns.reverse();
        }
        for (words, measured) in turns {
            env.fresh_copy(SEEDED).await?;
            let one = measure::inline(env, &words).await?;
            let [_, who, _] = words;
            env.recorder.note(("delete_user", who), posts.into(), round, &one.named())?;
            measured.push(one);
        }
        say(format!("xtask: round {round} of {} is done", env.rounds));
    }
    let [activities, account] =
        measured.each_ref().map(|of| of.iter().map(|one| one.seconds).collect::<Figures>());
    let row = |name: &str, measured: &[Measured], seconds: &Figures| {
        let longest: Figures = measured.iter().map(|one| one.longest_ms).collect();
        let memory: Figures = measured.iter().map(|one| one.memory_mib).collect();
        vec![
            name.to_owned(),
            seconds.spread(2, " s"),
            format!("{:.0} ms", longest.largest()),
            memory.spread(1, " MiB"),
        ]
    };
    show("");
    show(format!(
        "An account with {} posts and {} follow relations:",
        thousands(posts.into()),
        thousands(relations)
    ));
    show_table(
        &["", "TIME", "LONGEST BATCH", "MEMORY"],
        &[row("delete_activities", &measured[0], &activities), row("rm", &measured[1], &account)],
    );
    env.judge.at_most(
        "rm: more than delete_activities, for each follow relation",
        (account.median() - activities.median()) * 1000.0 / accounts::size(relations),
        RELATION_MS,
        " ms",
    );
    Ok(())
}

/// Returns the number of the account's follow relations, in both directions.
async fn count_relations(env: &BenchEnv) -> Result<i64> {
    let mut db = env.connect(SEEDED).await?;
    Ok(sqlx::query_scalar(
        "select count(*) from following_relationships r
         join users u on u.id in (r.follower_id, r.following_id)
         where u.nickname = $1 and r.state = 2",
    )
    .bind(Community::PROLIFIC)
    .fetch_one(&mut db)
    .await?)
}

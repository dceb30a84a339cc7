//! `rm` beside `delete_activities` of the same account.

use anyhow::Result;
use testkit::Community;

use super::figures::Figures;
use super::ground::{Ground, SEEDED};
use super::measure::{self, Measured};
use crate::console::{say, show, show_table, thousands};

/// How much longer the removal may take.
const FACTOR: f64 = 1.3;

const WORDS: [[&str; 3]; 2] =
    [["user", "delete_activities", Community::PROLIFIC], ["user", "rm", Community::PROLIFIC]];

/// Measures both, and takes turns who begins.
pub(super) async fn run(ground: &mut Ground, posts: i32) -> Result<()> {
    ground.seed(SEEDED, Community { posts, ..ground.community() }, "").await?;
    let mut measured: [Vec<Measured>; 2] = [Vec::new(), Vec::new()];
    for round in 1..=ground.rounds {
        let mut turns: Vec<_> = WORDS.into_iter().zip(&mut measured).collect();
        if round.is_multiple_of(2) {
            turns.reverse();
        }
        for (words, measured) in turns {
            ground.fresh_copy(SEEDED).await?;
            let one = measure::inline(ground, &words).await?;
            let [_, who, _] = words;
            ground.recorder.note(("delete_user", who), posts.into(), round, &one.named())?;
            measured.push(one);
        }
        say(format!("xtask: round {round} of {} is done", ground.rounds));
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
    show(format!("An account with {} posts:", thousands(posts.into())));
    show_table(
        &["", "TIME", "LONGEST BATCH", "MEMORY"],
        &[row("delete_activities", &measured[0], &activities), row("rm", &measured[1], &account)],
    );
    let what = format!("rm of {} posts: times delete_activities", thousands(posts.into()));
    ground.judge.at_most(what, account.median() / activities.median(), FACTOR, "");
    Ok(())
}

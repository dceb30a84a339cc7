//! Recordings hold on releases of which none was recorded, but that do not differ in what the
//! command does.

use anyhow::Result;
use testkit::{Database, Release, Tables, Transition};

use super::{departures::DIFFERENT, facts, replay_on};

/// Recordings that a release shows in a form that was recorded with another server.
const IN_ANOTHER_FORM: [(&str, &str); 1] = [
    // The context of an Undo is a row, as with Pleroma 2.2.
    ("pleroma-2.4", "rm_rich"),
];

/// Replays the recordings of the release's base whose names begin with a prefix.
async fn replay_all_on(name: &str, prefix: &str) -> Result<()> {
    let release = Release::named(name)?;
    let tables = Tables::of(&Database::of_release(release).await?).await?;
    let mut recordings = Transition::all(release.base, prefix)?;
    // What departs from the recorded server on purpose departs here in the same way, but in the
    // form of this release.
    if facts::has_any(release.name) {
        recordings.retain(|transition| !DIFFERENT.contains(&(release.base, &*transition.name)));
        recordings.retain(|transition| !IN_ANOTHER_FORM.contains(&(name, &*transition.name)));
    }
    for transition in &mut recordings {
        let after = transition.steps.iter_mut().map(|step| &mut step.after);
        let states = after.chain([&mut transition.before]).chain(&mut transition.after_jobs);
        states.for_each(|state| tables.adapt(state));
    }
    replay_on(release, recordings).await
}

/// Defines a test for each group of recordings of a release.
macro_rules! replays {
    ($($test:ident: $release:literal $prefix:literal,)+) => {
        $(#[tokio::test]
        async fn $test() -> Result<()> {
            replay_all_on($release, $prefix).await
        })+
    };
}

// Where the other releases of a dialect differ least from the recorded one nothing more would be
// seen: each of these has all changes of those before it.
replays! {
    pleroma_2_9_delete_activities: "pleroma-2.9" "da_",
    pleroma_2_9_rm: "pleroma-2.9" "rm_",
    pleroma_2_9_deactivate: "pleroma-2.9" "deactivate_",
    pleroma_2_9_new: "pleroma-2.9" "new_",
    akkoma_3_19_delete_activities: "akkoma-3.19" "da_",
    akkoma_3_19_activate: "akkoma-3.19" "activate_",
    akkoma_3_19_rm: "akkoma-3.19" "rm_",
    akkoma_3_19_deactivate: "akkoma-3.19" "deactivate_",
    akkoma_3_19_new: "akkoma-3.19" "new_",
    akkoma_3_19_set: "akkoma-3.19" "set_",
    akkoma_3_19_show: "akkoma-3.19" "show",
    akkoma_3_19_list: "akkoma-3.19" "list_",
    akkoma_3_19_confirm: "akkoma-3.19" "confirm_",
    // New accounts have other addresses there: `cli::akkoma_3_20`.
    akkoma_3_20_delete_activities: "akkoma-3.20" "da_",
    akkoma_3_20_rm: "akkoma-3.20" "rm_",
    akkoma_3_20_deactivate: "akkoma-3.20" "deactivate_",
    akkoma_3_20_set: "akkoma-3.20" "set_",
    akkoma_3_20_show: "akkoma-3.20" "show",
    // Those that differ from the recorded one: `facts`.
    pleroma_2_4_delete_activities: "pleroma-2.4" "da_",
    pleroma_2_4_rm: "pleroma-2.4" "rm_",
    pleroma_2_4_deactivate: "pleroma-2.4" "deactivate_",
    pleroma_2_4_new: "pleroma-2.4" "new_",
    pleroma_2_4_activate: "pleroma-2.4" "activate_",
    pleroma_2_4_set: "pleroma-2.4" "set_",
    pleroma_2_5_delete_activities: "pleroma-2.5" "da_",
    pleroma_2_5_rm: "pleroma-2.5" "rm_",
    pleroma_2_5_deactivate: "pleroma-2.5" "deactivate_",
    pleroma_2_5_new: "pleroma-2.5" "new_",
    pleroma_2_6_delete_activities: "pleroma-2.6" "da_",
    pleroma_2_6_rm: "pleroma-2.6" "rm_",
    pleroma_2_6_deactivate: "pleroma-2.6" "deactivate_",
    pleroma_2_6_new: "pleroma-2.6" "new_",
    pleroma_2_6_activate: "pleroma-2.6" "activate_",
    pleroma_2_6_set: "pleroma-2.6" "set_",
    pleroma_2_10_delete_activities: "pleroma-2.10" "da_",
    pleroma_2_10_rm: "pleroma-2.10" "rm_",
    pleroma_2_10_deactivate: "pleroma-2.10" "deactivate_",
    pleroma_2_10_new: "pleroma-2.10" "new_",
    pleroma_2_10_activate: "pleroma-2.10" "activate_",
    pleroma_2_10_set: "pleroma-2.10" "set_",
    pleroma_develop_delete_activities: "pleroma-develop" "da_",
    pleroma_develop_rm: "pleroma-develop" "rm_",
    pleroma_develop_deactivate: "pleroma-develop" "deactivate_",
    pleroma_develop_new: "pleroma-develop" "new_",
    rebased_delete_activities: "rebased-2.6.50" "da_",
    rebased_rm: "rebased-2.6.50" "rm_",
    rebased_deactivate: "rebased-2.6.50" "deactivate_",
    rebased_new: "rebased-2.6.50" "new_",
    rebased_activate: "rebased-2.6.50" "activate_",
    rebased_set: "rebased-2.6.50" "set_",
    akkoma_3_10_delete_activities: "akkoma-3.10" "da_",
    akkoma_3_10_rm: "akkoma-3.10" "rm_",
    akkoma_3_10_deactivate: "akkoma-3.10" "deactivate_",
    akkoma_3_10_new: "akkoma-3.10" "new_",
    akkoma_3_10_activate: "akkoma-3.10" "activate_",
    akkoma_3_10_set: "akkoma-3.10" "set_",
    akkoma_3_14_delete_activities: "akkoma-3.14" "da_",
    akkoma_3_14_rm: "akkoma-3.14" "rm_",
    akkoma_3_14_deactivate: "akkoma-3.14" "deactivate_",
    akkoma_3_14_new: "akkoma-3.14" "new_",
    akkoma_3_15_delete_activities: "akkoma-3.15" "da_",
    akkoma_3_15_rm: "akkoma-3.15" "rm_",
    akkoma_3_15_deactivate: "akkoma-3.15" "deactivate_",
    akkoma_3_15_new: "akkoma-3.15" "new_",
    akkoma_3_15_activate: "akkoma-3.15" "activate_",
    akkoma_3_15_set: "akkoma-3.15" "set_",
}

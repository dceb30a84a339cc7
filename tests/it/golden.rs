//! Recorded transitions of the original: the same command of ours leads to the same rows.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use testkit::{Database, Flavour, Transition, compare, snapshot};

use crate::program::Kenoma;

/// Recordings that kenoma departs from on purpose, with the entry of docs/differences.md. What
/// exactly is different is a snapshot beside this file.
const DIFFERENT: &[(Flavour, &str)] = &[
    // The original crashes; kenoma deletes these posts as well.
    (Flavour::Pleroma, "da_embedded_object"),
    (Flavour::Akkoma, "da_embedded_object"),
    (Flavour::Pleroma22, "da_embedded_object"),
    (Flavour::Pleroma22, "da_duplicate_create"),
    // The original crashes; kenoma keeps the hashtag that somebody follows, and goes on.
    (Flavour::Akkoma, "da_hashtag_followed"),
    (Flavour::Akkoma, "da_hashtag_followed_twice"),
    // The same rows; but what stays undone is named, and the exit code says so.
    (Flavour::Pleroma, "da_liked_object_pruned"),
    (Flavour::Akkoma, "da_liked_object_pruned"),
    (Flavour::Pleroma22, "da_liked_object_pruned"),
    (Flavour::Pleroma22, "da_invalid_recipient"),
    // The original does nothing and says that it did.
    (Flavour::Pleroma22, "da_deactivated_user"),
    // The original's task forgets the jobs that its running server would insert.
    (Flavour::Akkoma, "da_search_meilisearch"),
    // One host, named exactly; one line at the end.
    (Flavour::Pleroma, "deactivate_all_from_instance"),
    (Flavour::Akkoma, "deactivate_all_from_instance"),
    (Flavour::Pleroma22, "deactivate_all_from_instance"),
    (Flavour::Pleroma, "deactivate_all_from_instance_empty"),
    (Flavour::Akkoma, "deactivate_all_from_instance_empty"),
    (Flavour::Pleroma22, "deactivate_all_from_instance_empty"),
    (Flavour::Pleroma, "deactivate_all_from_instance_wildcards"),
    (Flavour::Akkoma, "deactivate_all_from_instance_wildcards"),
    (Flavour::Pleroma22, "deactivate_all_from_instance_wildcards"),
];

/// Replays every recording of a flavour whose name begins with a prefix.
async fn replay_all(flavour: Flavour, prefix: &str) -> Result<()> {
    let mut report = String::new();
    for transition in Transition::all(flavour, prefix)? {
        let difference = replay(&transition).await?;
        if DIFFERENT.contains(&(flavour, &transition.name)) {
            assert_departure(&transition, &difference);
        } else if !difference.is_empty() {
            write!(report, "\n--- {flavour} {}\n{difference}", transition.name)?;
        }
    }
    if report.is_empty() { Ok(()) } else { bail!(report) }
}

fn assert_departure(transition: &Transition, difference: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter("[0-9A-HJKMNP-TV-Z]{26}", "<run>");
    settings.bind(|| {
        let name = format!("{}__{}", transition.flavour, transition.name);
        insta::assert_snapshot!(name, difference);
    });
}

/// Runs a recording's commands one after the other; tells what is not as recorded.
async fn replay(transition: &Transition) -> Result<String> {
    let database = Database::create(transition.flavour).await?;
    transition.load_before(&database).await?;
    let kenoma = program(&database, transition);
    kenoma.migrate()?;
    let mut report = String::new();
    for step in &transition.steps {
        let mut arguments = vec!["user"];
        arguments.extend(step.arguments.iter().map(String::as_str));
        arguments.extend(["--inline", "--yes"]);
        let done = kenoma.run(&arguments)?;
        let actual = snapshot(&database.pool()).await?;
        for difference in compare(&transition.before, &step.after, &actual) {
            writeln!(report, "{difference}")?;
        }
        if done.stdout != step.stdout {
            writeln!(report, "printed {:?} instead of {:?}", done.stdout, step.stdout)?;
        }
        let expected_code = if step.stderr.is_empty() { 0 } else { NO_SUCH_USER };
        if done.code != expected_code {
            writeln!(report, "ended with {} and {:?}", done.code, done.stderr)?;
        }
    }
    Ok(report)
}

/// The original reports unknown accounts on its standard error, and ends with 0 all the same.
const NO_SUCH_USER: i32 = 3;

fn program(database: &Database, transition: &Transition) -> Kenoma {
    let mut kenoma = Kenoma::on(database);
    for (switch, variable, value) in [
        ("LAB_CLEANUP", "KENOMA_SERVER_CLEANUP_ATTACHMENTS", "true"),
        ("LAB_NOCLEANUP", "KENOMA_SERVER_CLEANUP_ATTACHMENTS", "false"),
        ("LAB_NOFED", "KENOMA_SERVER_FEDERATING", "false"),
        ("LAB_MEILI", "KENOMA_SERVER_SEARCH", "meilisearch"),
    ] {
        if transition.switch(switch) {
            kenoma = kenoma.with(variable, value);
        }
    }
    kenoma
}

#[tokio::test]
async fn pleroma_delete_activities() -> Result<()> {
    replay_all(Flavour::Pleroma, "da_").await
}

#[tokio::test]
async fn pleroma_activate() -> Result<()> {
    replay_all(Flavour::Pleroma, "activate").await
}

#[tokio::test]
async fn pleroma_deactivate() -> Result<()> {
    replay_all(Flavour::Pleroma, "deactivate").await
}

#[tokio::test]
async fn akkoma_delete_activities() -> Result<()> {
    replay_all(Flavour::Akkoma, "da_").await
}

#[tokio::test]
async fn akkoma_activate() -> Result<()> {
    replay_all(Flavour::Akkoma, "activate").await
}

#[tokio::test]
async fn akkoma_deactivate() -> Result<()> {
    replay_all(Flavour::Akkoma, "deactivate").await
}

#[tokio::test]
async fn pleroma22_delete_activities() -> Result<()> {
    replay_all(Flavour::Pleroma22, "da_").await
}

#[tokio::test]
async fn pleroma22_deactivate() -> Result<()> {
    replay_all(Flavour::Pleroma22, "deactivate").await
}

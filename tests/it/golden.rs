//! Recorded transitions of the original: the same command of ours leads to the same rows.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use testkit::{Database, Flavour, Step, Transition, compare, snapshot};

use crate::program::{Done, Kenoma};

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
    // Deactivated accounts are left alone, as the manual says and as Pleroma 2.2 does.
    (Flavour::Pleroma, "confirm_all"),
    (Flavour::Akkoma, "confirm_all"),
    (Flavour::Pleroma, "unconfirm_all"),
    (Flavour::Akkoma, "unconfirm_all"),
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
        if is_job(&step.arguments) {
            arguments.extend(["--inline", "--yes"]);
        }
        let done = kenoma.run_with_input(&arguments, &step.stdin)?;
        let actual = snapshot(&database.pool()).await?;
        for difference in compare(&transition.before, &step.after, &actual) {
            writeln!(report, "{difference}")?;
        }
        let (printed, recorded) = (masked(&done.stdout), masked(&step.stdout));
        if printed != recorded {
            writeln!(report, "printed {printed:?} instead of {recorded:?}")?;
        }
        report.push_str(&wrong_end(step, &done));
    }
    Ok(report)
}

/// Commands that are jobs; everything else acts at once.
fn is_job(arguments: &[String]) -> bool {
    const JOBS: [&str; 8] = [
        "delete_activities",
        "activate",
        "deactivate",
        "toggle_activated",
        "deactivate_all_from_instance",
        "rm",
        "confirm_all",
        "unconfirm_all",
    ];
    arguments.first().is_some_and(|command| JOBS.contains(&command.as_str()))
}

/// Takes out of a line what is made up anew each time.
fn masked(text: &str) -> String {
    // 32 bytes in base64url, the padding possibly percent-encoded.
    let is_token = |word: &str| {
        let bare = word.trim_end_matches("%3D").trim_end_matches('=');
        bare.len() == 43 && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let mut out = String::new();
    for part in text.split_inclusive(['/', ' ', '\n']) {
        let word = part.trim_end_matches(['/', ' ', '\n']);
        if is_token(word) {
            out.push_str("<token>");
            out.push_str(&word[43..]);
            out.push_str(&part[word.len()..]);
        } else {
            out.push_str(part);
        }
    }
    out
}

/// Tells what is wrong with how a command ended. The original reports what it handles on its
/// standard error and ends with 0 all the same; where it crashes, the words are its own.
fn wrong_end(step: &Step, done: &Done) -> String {
    let handled = step.exit_code == 0 && !step.stderr.is_empty();
    let told = done.stderr.starts_with(&step.stderr) && done.code != 0;
    let right = match (step.exit_code, handled) {
        (0, false) => done.code == 0,
        (0, true) => told,
        _ => done.code != 0 && !done.stderr.is_empty(),
    };
    if right { String::new() } else { format!("ended with {} and {:?}\n", done.code, done.stderr) }
}

fn program(database: &Database, transition: &Transition) -> Kenoma {
    // What was recorded is what the original's own task wrote, which tells nobody of it.
    let mut kenoma = Kenoma::on(database).with("KENOMA_SERVER_REFRESH", "off");
    for (switch, variable, value) in [
        ("LAB_CLEANUP", "KENOMA_SERVER_CLEANUP_ATTACHMENTS", "true"),
        ("LAB_NOCLEANUP", "KENOMA_SERVER_CLEANUP_ATTACHMENTS", "false"),
        ("LAB_NOFED", "KENOMA_SERVER_FEDERATING", "false"),
        ("LAB_MEILI", "KENOMA_SERVER_SEARCH", "meilisearch"),
        ("LAB_ACTIVATION", "KENOMA_SERVER_ACCOUNT_ACTIVATION_REQUIRED", "true"),
        ("LAB_APPROVAL", "KENOMA_SERVER_ACCOUNT_APPROVAL_REQUIRED", "true"),
        ("LAB_AUTOFOLLOW", "KENOMA_SERVER_AUTOFOLLOWED_NICKNAMES", "bob"),
        ("LAB_AUTOFOLLOW", "KENOMA_SERVER_AUTOFOLLOWING_NICKNAMES", "dora"),
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

#[tokio::test]
async fn pleroma_sign_out() -> Result<()> {
    replay_all(Flavour::Pleroma, "sign_out").await
}

#[tokio::test]
async fn akkoma_sign_out() -> Result<()> {
    replay_all(Flavour::Akkoma, "sign_out").await
}

#[tokio::test]
async fn pleroma22_sign_out() -> Result<()> {
    replay_all(Flavour::Pleroma22, "sign_out").await
}

#[tokio::test]
async fn pleroma_confirm_all() -> Result<()> {
    replay_all(Flavour::Pleroma, "confirm_all").await
}

#[tokio::test]
async fn pleroma_unconfirm_all() -> Result<()> {
    replay_all(Flavour::Pleroma, "unconfirm_all").await
}

#[tokio::test]
async fn akkoma_confirm_all() -> Result<()> {
    replay_all(Flavour::Akkoma, "confirm_all").await
}

#[tokio::test]
async fn akkoma_unconfirm_all() -> Result<()> {
    replay_all(Flavour::Akkoma, "unconfirm_all").await
}

#[tokio::test]
async fn pleroma22_confirm_all() -> Result<()> {
    replay_all(Flavour::Pleroma22, "confirm_all").await
}

#[tokio::test]
async fn pleroma22_unconfirm_all() -> Result<()> {
    replay_all(Flavour::Pleroma22, "unconfirm_all").await
}

#[tokio::test]
async fn pleroma22_toggle_activated() -> Result<()> {
    replay_all(Flavour::Pleroma22, "toggle_activated").await
}

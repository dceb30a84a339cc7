//! Recorded transitions of the original: ostrakon's command leads to the same rows.

mod departures;
mod facts;
pub(crate) mod publish;
mod releases;
mod removal;

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use testkit::{Database, Done, Flavour, Ostrakon, Release, Step, Transition, compare, snapshot};

use departures::{DIFFERENT, GIVEN_UP, NO_COMMAND};

/// Replays all recordings of a flavour whose names begin with a prefix.
async fn replay_all(flavour: Flavour, prefix: &str) -> Result<()> {
    let recorded = Release::recorded(flavour).context("the flavour is that of no release")?;
    replay_on(recorded, Transition::all(flavour, prefix)?).await
}

/// Replays recordings on a release.
async fn replay_on(release: &Release, recordings: Vec<Transition>) -> Result<()> {
    let flavour = release.base;
    let mut report = String::new();
    for transition in recordings {
        if GIVEN_UP.contains(&transition.name.as_str()) {
            continue;
        }
        let difference = replay(release, &transition).await?;
        if DIFFERENT.contains(&(flavour, &transition.name)) {
            assert_departure(release, &transition, &difference);
        } else if !difference.is_empty() {
            write!(report, "\n--- {} {}\n{difference}", release.name, transition.name)?;
        }
    }
    if report.is_empty() { Ok(()) } else { bail!(report) }
}

/// Departures that concern the numbers of posts by host, which Akkoma has had no more since 3.17.
const COUNTED_BY_HOST: [&str; 3] =
    ["da_embedded_object", "da_hashtag_followed", "da_hashtag_followed_twice"];

/// Departures whose notes say how long the running server shows the old profile: Akkoma 3.20 and
/// newer forgets it soon.
const SHOWN_FOR_HOW_LONG: [&str; 2] = ["rm_inactive", "rm_unconfirmed_with_report_note"];

fn assert_departure(release: &Release, transition: &Transition, difference: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter("[0-9A-HJKMNP-TV-Z]{26}", "<run>");
    settings.bind(|| {
        let counted = COUNTED_BY_HOST.contains(&transition.name.as_str());
        let newer = release.base == Flavour::Akkoma && !release.is_recorded();
        let forgets =
            release.name == "akkoma-3.20" && SHOWN_FOR_HOW_LONG.contains(&transition.name.as_str());
        let server = match () {
            () if forgets => "akkoma-3.20",
            () if counted && newer => "akkoma-3.17",
            () => release.base.name(),
        };
        let name = format!("{server}__{}", transition.name);
        insta::assert_snapshot!(name, difference);
    });
}

/// Runs the commands of a recording one after the other; returns what differs from it.
async fn replay(release: &Release, transition: &Transition) -> Result<String> {
    let database = Database::of_release(release).await?;
    transition.load_before(&database).await?;
    let ostrakon = program(&database, transition).await?;
    let mut report = String::new();
    for step in &transition.steps {
        let mut arguments = vec!["user"];
        arguments.extend(step.arguments.iter().map(String::as_str));
        if is_job(&step.arguments) {
            arguments.extend(["--inline", "--yes"]);
        }
        let done = ostrakon.run_with_input(&arguments, &step.stdin)?;
        let mut actual = snapshot(&database.pool()).await?;
        let removal = step.arguments.first().is_some_and(|command| command == "rm");
        let mut expected = match &transition.after_jobs {
            Some(_) if removal => removal::expected(transition)?,
            _ => step.after.clone(),
        };
        publish::give_options(transition, &mut expected);
        facts::apply(release.name, transition, &mut expected, &mut actual);
        for difference in compare(&transition.before, &expected, &actual) {
            writeln!(report, "{difference}")?;
        }
        let (printed, recorded) = (masked(&done.stdout), masked(&unechoed(step)));
        if printed != recorded {
            writeln!(report, "printed {printed:?} instead of {recorded:?}")?;
        }
        report.push_str(&wrong_end(step, &done));
    }
    Ok(report)
}

/// Whether a command is a job; every other command acts immediately.
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

/// Replaces the password that the original repeats by what ostrakon prints instead (D40): only in
/// this line, and only if a password was given.
fn unechoed(step: &Step) -> String {
    let given = step.arguments.windows(2).find(|pair| pair[0] == "--password");
    match (step.arguments.first().map(String::as_str), given) {
        (Some("new"), Some(pair)) => {
            let line = format!("  - password: {}\n", pair[1]);
            step.stdout.replacen(&line, "  - password: [given]\n", 1)
        }
        _ => step.stdout.clone(),
    }
}

/// Masks what is generated again each time.
fn masked(text: &str) -> String {
    // 32 bytes in base64url; the padding may be percent-encoded.
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

/// Describes what is wrong with the end of a command. For an error that it handles, the original
/// writes to standard error and still ends with 0. If it crashes, its message is its own.
fn wrong_end(step: &Step, done: &Done) -> String {
    let handled = step.exit_code == 0 && !step.stderr.is_empty();
    let reported = done.stderr.starts_with(&step.stderr) && done.code != 0;
    let right = match (step.exit_code, handled) {
        (0, false) => done.code == 0,
        (0, true) => reported,
        _ => done.code != 0 && !done.stderr.is_empty(),
    };
    if right { String::new() } else { format!("ended with {} and {:?}\n", done.code, done.stderr) }
}

async fn program(database: &Database, transition: &Transition) -> Result<Ostrakon> {
    // The recordings hold what the original's own task wrote, and the task does not make the server
    // reload anything. No server is running whose deliveries could be awaited.
    let mut ostrakon = Ostrakon::with_least_rights(database)
        .await?
        .with("OSTRAKON_SERVER_REFRESH", "off")
        .with("OSTRAKON_SERVER_PUBLISH_WAIT", "0s")
        // Everything that the original writes is due immediately.
        .with("OSTRAKON_FEDERATION_PER_SECOND", "1000000")
        .with("OSTRAKON_SERVER_NAME", "peer")
        .with("OSTRAKON_SERVER_NOTIFY_EMAIL", "notify@peer.example")
        // Some recordings have no account that shows the address.
        .with("OSTRAKON_INSTANCE_URL", "https://peer.example");
    for (switch, variable, value) in [
        ("LAB_CLEANUP", "OSTRAKON_SERVER_CLEANUP_ATTACHMENTS", "true"),
        ("LAB_NOCLEANUP", "OSTRAKON_SERVER_CLEANUP_ATTACHMENTS", "false"),
        ("LAB_NOFED", "OSTRAKON_SERVER_FEDERATING", "false"),
        ("LAB_MEILI", "OSTRAKON_SERVER_SEARCH", "meilisearch"),
        ("LAB_ACTIVATION", "OSTRAKON_REGISTRATION_ACCOUNT_ACTIVATION_REQUIRED", "true"),
        ("LAB_APPROVAL", "OSTRAKON_REGISTRATION_ACCOUNT_APPROVAL_REQUIRED", "true"),
        ("LAB_AUTOFOLLOW", "OSTRAKON_REGISTRATION_AUTOFOLLOWED_NICKNAMES", "bob"),
        ("LAB_AUTOFOLLOW", "OSTRAKON_REGISTRATION_AUTOFOLLOWING_NICKNAMES", "dora"),
    ] {
        if transition.switch(switch) {
            ostrakon = ostrakon.with(variable, value);
        }
    }
    Ok(ostrakon)
}

/// Defines a test for each group of recordings, and the list of groups.
macro_rules! replays {
    ($($name:ident: $flavour:ident $prefix:literal,)+) => {
        $(#[tokio::test]
        async fn $name() -> Result<()> {
            replay_all(Flavour::$flavour, $prefix).await
        })+

        const REPLAYED: &[(Flavour, &str)] = &[$((Flavour::$flavour, $prefix)),+];
    };
}

replays! {
    pleroma_delete_activities: Pleroma "da_",
    pleroma_activate: Pleroma "activate_",
    pleroma_deactivate: Pleroma "deactivate_",
    pleroma_sign_out: Pleroma "sign_out",
    pleroma_rm: Pleroma "rm_",
    pleroma_list: Pleroma "list_",
    pleroma_invites: Pleroma "invite",
    pleroma_revoke_invite: Pleroma "revoke_invite",
    pleroma_resets: Pleroma "reset_",
    pleroma_set: Pleroma "set_",
    pleroma_tag: Pleroma "tag",
    pleroma_untag: Pleroma "untag",
    pleroma_new: Pleroma "new_",
    pleroma_confirm: Pleroma "confirm_",
    pleroma_unconfirm_all: Pleroma "unconfirm_all",
    akkoma_delete_activities: Akkoma "da_",
    akkoma_activate: Akkoma "activate_",
    akkoma_deactivate: Akkoma "deactivate_",
    akkoma_sign_out: Akkoma "sign_out",
    akkoma_rm: Akkoma "rm_",
    akkoma_list: Akkoma "list_",
    akkoma_invites: Akkoma "invite",
    akkoma_revoke_invite: Akkoma "revoke_invite",
    akkoma_resets: Akkoma "reset_",
    akkoma_set: Akkoma "set_",
    akkoma_tag: Akkoma "tag",
    akkoma_untag: Akkoma "untag",
    akkoma_change_email: Akkoma "change_email",
    akkoma_convert_id: Akkoma "convert_id",
    akkoma_show: Akkoma "show",
    akkoma_new: Akkoma "new_",
    akkoma_confirm: Akkoma "confirm_",
    akkoma_unconfirm_all: Akkoma "unconfirm_all",
    pleroma22_delete_activities: Pleroma22 "da_",
    pleroma22_deactivate: Pleroma22 "deactivate_",
    pleroma22_sign_out: Pleroma22 "sign_out",
    pleroma22_rm: Pleroma22 "rm_",
    pleroma22_list: Pleroma22 "list_",
    pleroma22_invites: Pleroma22 "invite",
    pleroma22_revoke_invite: Pleroma22 "revoke_invite",
    pleroma22_resets: Pleroma22 "reset_",
    pleroma22_set: Pleroma22 "set_",
    pleroma22_tag: Pleroma22 "tag",
    pleroma22_untag: Pleroma22 "untag",
    pleroma22_toggle_confirmed: Pleroma22 "toggle_confirmed",
    pleroma22_toggle_activated: Pleroma22 "toggle_activated",
    pleroma22_new: Pleroma22 "new_",
    pleroma22_confirm: Pleroma22 "confirm_",
    pleroma22_unconfirm_all: Pleroma22 "unconfirm_all",
}

#[test]
fn every_recording_is_replayed() -> Result<()> {
    for flavour in Flavour::ALL {
        for transition in Transition::all(flavour, "")? {
            let name = transition.name.as_str();
            let replayed =
                |(of, prefix): &(Flavour, &str)| *of == flavour && name.starts_with(prefix);
            let known = REPLAYED.iter().any(replayed)
                || NO_COMMAND.iter().any(|prefix| name.starts_with(prefix));
            assert!(known, "{flavour} {name} is replayed by no test");
        }
    }
    Ok(())
}

//! Every command succeeds on every release, with the least rights.

use anyhow::{Context as _, Result, ensure};
use testkit::{Database, Done, Release};

use super::Fixture;

/// Commands in an order in which each finds what it needs, each with its exit code. `TOKEN` is that
/// of an invite.
const BATTERY: &[(&str, i32)] = &[
    ("user list", 0),
    ("select --local --unconfirmed --unapproved --never-posted --no-followers --nick a*", 0),
    ("select --exclude-followed --post-has spam --bio-has a --reason-has b --since 1y", 0),
    ("select --host spam.example --save wave", 0),
    ("select edit wave --add ALICE", 0),
    ("select show wave", 0),
    ("user tag --selection wave --yes --override all spam", 0),
    ("user show alice", 0),
    ("user show mallory@spam.example", 0),
    ("user new carol c@peer.example -y --password x", 0),
    ("user set carol --admin --moderator --locked", 0),
    ("user set carol --no-admin --no-moderator --no-locked", 0),
    ("user tag carol spam", 0),
    ("user untag carol spam", 0),
    ("user deactivate carol --inline", 0),
    ("user activate carol --inline", 0),
    ("user toggle_activated carol --inline", 0),
    ("user toggle_activated carol --inline", 0),
    ("user confirm carol", 0),
    ("user toggle_confirmed carol", 0),
    ("user toggle_confirmed carol", 0),
    // Confirmed already.
    ("user send_confirmation carol", 4),
    ("user change_email carol carol@peer.example", 0),
    ("user reset_password carol", 0),
    ("user reset_mfa carol", 0),
    ("user sign_out carol", 0),
    ("user invites", 0),
    ("user revoke_invite TOKEN", 0),
    // There is no follow.
    ("user fix_follow_state carol mallory@spam.example", 3),
    ("user forget_follow_request carol mallory@spam.example", 0),
    ("user convert_id 00000000-0000-0000-0000-000000000007", 0),
    ("user unconfirm_all --yes --inline", 0),
    ("user confirm_all --yes --inline", 0),
    ("repair counters --inline", 0),
    ("user deactivate_all_from_instance spam.example --yes --inline", 0),
    ("purge instance spam.example --keep-accounts --yes --inline", 0),
    ("purge instance spam.example --yes --inline", 0),
    ("user delete_activities alice --yes --inline", 0),
    ("prune objects --keep-threads --prune-orphaned-activities --yes --inline", 0),
    ("prune objects --fix-replies-count --yes --inline", 0),
    ("prune activities --yes --inline", 0),
    ("user rm alice --thorough --yes --inline", 0),
    ("user rm carol --yes --inline", 0),
    ("runs list", 0),
    ("actions", 0),
    ("metrics", 0),
    ("migrate --print-grants", 0),
    ("config show", 0),
];

async fn battery(name: &str) -> Result<()> {
    let database = Database::of_release(Release::named(name)?).await?;
    let fixture = Fixture::on(database).await?.left_by_its_server();
    let alice = fixture.world.local("alice").await?;
    let post = alice.posts("hello").create().await?;
    let mallory = fixture.world.remote("mallory", "spam.example").await?;
    mallory.follows(&alice).await?;
    alice.likes(&mallory.posts("spam").create().await?).await?;
    mallory.likes(&post).await?;
    let invited = fixture.run("user invite")?;
    let token = invited
        .stdout
        .lines()
        .find_map(|line| line.rsplit('/').next().filter(|token| token.len() > 40));
    let token = token.with_context(|| format!("{invited:?}"))?.replace("%3D", "=");
    let mut wrong: Vec<(&str, Done)> = Vec::new();
    for (command, code) in BATTERY {
        let done = fixture.run(&command.replace("TOKEN", &token))?;
        if done.code != *code || done.stderr.contains("PostgreSQL said") {
            wrong.push((command, done));
        }
    }
    ensure!(wrong.is_empty(), "{name}: {wrong:#?}");
    Ok(())
}

/// Defines a test for each release.
macro_rules! batteries {
    ($($test:ident: $release:literal,)+) => {
        $(#[tokio::test]
        async fn $test() -> Result<()> {
            battery($release).await
        })+

        const TRIED: &[&str] = &[$($release),+];
    };
}

batteries! {
    pleroma_2_2: "pleroma-2.2",
    pleroma_2_4: "pleroma-2.4",
    pleroma_2_5: "pleroma-2.5",
    pleroma_2_6: "pleroma-2.6",
    pleroma_2_7: "pleroma-2.7",
    pleroma_2_9: "pleroma-2.9",
    pleroma_2_10: "pleroma-2.10",
    pleroma_develop: "pleroma-develop",
    rebased: "rebased-2.6.50",
    akkoma_3_10: "akkoma-3.10",
    akkoma_3_13: "akkoma-3.13",
    akkoma_3_14: "akkoma-3.14",
    akkoma_3_15: "akkoma-3.15",
    akkoma_3_16: "akkoma-3.16",
    akkoma_3_17: "akkoma-3.17",
    akkoma_3_18: "akkoma-3.18",
    akkoma_3_19: "akkoma-3.19",
    akkoma_3_20: "akkoma-3.20",
}

#[test]
fn every_release_is_tried() {
    for release in &Release::ALL {
        assert!(TRIED.contains(&release.name), "nobody tries {}", release.name);
    }
}

#[tokio::test]
async fn the_battery_has_every_command() -> Result<()> {
    let help = testkit::Ostrakon::nowhere().run(&["user", "--help"])?;
    let listed = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let named = listed.map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    let mut number = 0;
    for command in named.filter(|command| *command != "help") {
        number += 1;
        let is_in = |line: &&(&str, i32)| line.0.split(' ').nth(1) == Some(command);
        ensure!(command == "invite" || BATTERY.iter().any(|line| is_in(&line)), "{command}");
    }
    ensure!(number > 20, "only {number} commands");
    Ok(())
}

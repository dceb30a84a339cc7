//! `activate`, `deactivate` and `toggle_activated`: what they print, and what they report to the
//! running server and to the staff.

use std::thread;

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Account, Flavour};

use super::{
    FLAVOURS, Fixture,
    reported::{person, reads_anew, switches},
};

async fn is_active(account: &Account, flavour: Flavour) -> Result<bool> {
    Ok(match flavour {
        Flavour::Pleroma22 => account.column("deactivated").await? == json!(false),
        Flavour::Pleroma | Flavour::Akkoma => account.column("is_active").await? == json!(true),
    })
}

#[tokio::test]
async fn toggling_goes_both_ways() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("boss").await?;
        let alice = fixture.world.local("alice").await?;
        let bob = fixture.world.remote("bob", "far.example").await?;
        for (typed, account) in [("ALICE", &alice), ("bob@far.example", &bob)] {
            for (state, active) in [("deactivated", false), ("activated", true)] {
                let done = fixture.run(&format!("user toggle_activated {typed} --inline"))?;
                let line = format!("Activation status of {typed}: {state}\n");
                assert_eq!((done.stdout, done.code), (line, 0), "{flavour}");
                assert_eq!(is_active(account, flavour).await?, active, "{flavour}: {typed}");
            }
        }
        let done = fixture.refused("user toggle_activated nobody --inline").await?;
        assert_eq!((done.stderr.as_str(), done.code), ("No user nobody\n", 3), "{flavour}");
        // A run is unfinished: the state that decides the direction is about to change.
        fixture.queue("user toggle_activated alice")?;
        assert_eq!(fixture.refused("user toggle_activated alice --json --queue").await?.code, 5);
    }
    Ok(())
}

#[tokio::test]
async fn the_log_names_the_staff() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let boss = fixture.world.local("boss").await?;
        let alice = fixture.world.local("alice").await?;
        fixture.sql("update users set is_moderator = true where nickname = 'boss'").await?;
        let expected = |action: &str| {
            json!({
                "actor": person(&boss),
                "action": action,
                "message": format!("@boss {action}d users: @alice"),
                "subject": [person(&alice)],
            })
        };
        for command in ["deactivate", "activate", "toggle_activated"] {
            let done = fixture.run(&format!("user {command} alice --inline --as Boss"))?;
            assert_eq!(done.code, 0, "{flavour}: {done:?}");
        }
        let log = ["deactivate", "activate", "deactivate"].map(expected);
        assert_eq!(fixture.moderation_log().await?, log, "{flavour}");
        // Without a change nothing is logged, nor without `--as`.
        fixture.run("user deactivate alice --inline --as boss")?;
        fixture.run("user activate alice --inline")?;
        assert_eq!(fixture.moderation_log().await?, log, "{flavour}");
        for command in ["activate alice", "deactivate alice", "toggle_activated alice"] {
            let done = fixture.refused(&format!("user {command} --inline --as alice")).await?;
            assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{flavour}: {done:?}");
        }
    }
    Ok(())
}

/// Alice follows two local accounts, one of which follows her. A third one has no relation to her.
async fn friends(flavour: Flavour) -> Result<(Fixture, [Account; 4])> {
    let fixture = Fixture::new(flavour).await?;
    let world = &fixture.world;
    let accounts = [
        world.local("alice").await?,
        world.local("bob").await?,
        world.local("carol").await?,
        world.local("dora").await?,
    ];
    let far = world.remote("far", "far.example").await?;
    let [alice, bob, carol, dora] = &accounts;
    alice.follows(bob).await?;
    alice.follows(carol).await?;
    alice.follows(&far).await?;
    bob.follows(alice).await?;
    dora.follows(bob).await?;
    Ok((fixture, accounts))
}

#[tokio::test]
async fn the_running_server_is_informed_once_of_each_account() -> Result<()> {
    for flavour in FLAVOURS {
        let (fixture, [alice, bob, carol, _]) = friends(flavour).await?;
        let done = fixture.run("user deactivate alice --inline")?;
        let asked = fixture.refreshes().await?;
        if flavour == Flavour::Pleroma {
            assert_eq!(asked, [&alice, &bob, &carol].map(reads_anew));
            assert_eq!(done.stderr, "");
        } else {
            assert_eq!(asked, [switches(flavour, &alice, false)], "{flavour}");
            assert!(done.stderr.contains("until it restarts"), "{flavour}: {done:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_profile_with_fields_is_switched_by_the_server() -> Result<()> {
    let (fixture, [alice, bob, ..]) = friends(Flavour::Pleroma).await?;
    fixture
        .sql(
            "update users set raw_fields = '[{\"name\": \"a\", \"value\": \"b\"}]'
              where nickname in ('alice', 'carol')",
        )
        .await?;
    let done = fixture.run("user deactivate alice --inline")?;
    assert!(done.stderr.contains("with fields in their profile"), "{done:?}");
    let expected = [switches(Flavour::Pleroma, &alice, false), reads_anew(&bob)];
    assert_eq!(fixture.refreshes().await?, expected);
    Ok(())
}

#[tokio::test]
async fn where_nobody_is_informed_signing_out_is_the_way() -> Result<()> {
    for flavour in FLAVOURS {
        let (mut fixture, _) = friends(flavour).await?;
        fixture.ostrakon = fixture.ostrakon.clone().with("OSTRAKON_SERVER_REFRESH", "off");
        let done = fixture.run("user deactivate alice --inline")?;
        let named = done.stderr.contains("ostrakon user sign_out alice");
        assert_eq!(named, flavour != Flavour::Pleroma22, "{flavour}: {done:?}");
        assert_eq!(fixture.refreshes().await?, Vec::<Value>::new(), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn on_a_terminal_a_person_sees_it_through() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    fixture.world.local("bob").await?;
    // No worker is running.
    let done = fixture.ostrakon.run_on_terminal("user deactivate bob", "")?;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("No worker is running: this process does it."), "{done:?}");
    assert!(done.stdout.contains("Successfully deactivated bob"), "{done:?}");
    fixture.sql("delete from ostrakon.runs").await?;

    fixture
        .sql("insert into ostrakon.workers (id, host, pid, version) values ('w', 'h', 1, '0')")
        .await?;
    let ostrakon = fixture.ostrakon.clone();
    let terminal = thread::spawn(move || ostrakon.run_on_terminal("user deactivate alice", ""));
    let ids = fixture.queued(1).await?;
    assert_eq!(fixture.run(&format!("runs cancel {}", ids[0]))?.code, 0);
    let done = terminal.join().map_err(|_panic| anyhow::anyhow!("the terminal panicked"))??;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("was cancelled"), "{done:?}");

    let done = fixture.ostrakon.run_on_terminal("user deactivate alice --no-wait", "")?;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("Queued deactivate_user alice as run"), "{done:?}");
    Ok(())
}

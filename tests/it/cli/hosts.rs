//! Which accounts a host names.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Account, Flavour};

use super::{
    FLAVOURS, Fixture,
    reported::{person, reads_anew, switches},
};

const DEACTIVATE: &str = "user deactivate_all_from_instance";

#[tokio::test]
async fn what_names_no_single_instance_is_refused() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    fixture.world.remote("mallory", "spam.example").await?;
    let before = fixture.rows().await?;
    let mut reported = String::new();
    for host in [
        "",
        " ",
        ".",
        "@",
        "%",
        "_",
        "*",
        "spam%",
        "s_am.example",
        "*.example",
        "192.0.2.7",
        "[2001:db8::1]",
        "2001:db8::1",
        "localhost",
        "https://spam.example",
        "spam.example:443",
        "mallory@spam.example",
        "spam..example",
        "spam .example",
        "s\npam.example",
        "a.example,b.example",
        "bad.domain,suspend,true,false,,true",
        "spam.example;",
        "\"spam.example\"",
        "spam.example!",
        "spam.$(example)",
        "spam-.example",
        "-spam.example",
        &"spam.".repeat(60),
        &format!("{}.example", "x".repeat(64)),
    ] {
        let words = ["user", "deactivate_all_from_instance", "--yes", "--inline", "--", host];
        let done = fixture.run_words(&words)?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{host:?}: {done:?}");
        reported += done.stderr.strip_suffix("\nNothing was done.\n").unwrap_or(&done.stderr);
        reported += "\n";
    }
    for host in ["peer.example", "PEER.example."] {
        let words = ["user", "deactivate_all_from_instance", host, "--yes", "--inline"];
        let done = fixture.run_words(&words)?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{host:?}: {done:?}");
        reported += &done.stderr;
    }
    assert!(before == fixture.rows().await?);
    insta::assert_snapshot!(reported, @r#"
    error: "" is not the host of an instance: it is empty
    error: " " is not the host of an instance: it is empty
    error: "." is not the host of an instance: it is empty
    error: "@" is not the host of an instance: it is empty
    error: "%" is not the host of an instance: wildcards are not accepted, name one host
    error: "_" is not the host of an instance: wildcards are not accepted, name one host
    error: "*" is not the host of an instance: wildcards are not accepted, name one host
    error: "spam%" is not the host of an instance: wildcards are not accepted, name one host
    error: "s_am.example" is not the host of an instance: wildcards are not accepted, name one host
    error: "*.example" is not the host of an instance: wildcards are not accepted, name one host
    error: "192.0.2.7" is not the host of an instance: it is an address; instances are known by name
    error: "[2001:db8::1]" is not the host of an instance: it is an address; instances are known by name
    error: "2001:db8::1" is not the host of an instance: it is an address; instances are known by name
    error: "localhost" is not the host of an instance: a host has at least one dot
    error: "https://spam.example" is not the host of an instance: it is a URL; its host alone is spam.example
    error: "spam.example:443" is not the host of an instance: give the bare host, without scheme, port, path or nickname
    error: "mallory@spam.example" is not the host of an instance: it names one account; its host alone is spam.example; one account is deactivated with: ostrakon user deactivate NICKNAME
    error: "spam..example" is not the host of an instance: there is nothing between two of its dots
    error: "spam .example" is not the host of an instance: it is more than one word; give one host
    error: "s\npam.example" is not the host of an instance: it is more than one word; give one host
    error: "a.example,b.example" is not the host of an instance: it is a list; give one host, or a file with one host a line: --hosts-file FILE
    error: "bad.domain,suspend,true,false,,true" is not the host of an instance: it is a line of a table of blocked domains (CSV); its host alone is bad.domain
    error: "spam.example;" is not the host of an instance: it is a list; give one host, or a file with one host a line: --hosts-file FILE
    error: "\"spam.example\"" is not the host of an instance: it has '"'; a host has letters, digits, hyphens and dots
    error: "spam.example!" is not the host of an instance: it has '!'; a host has letters, digits, hyphens and dots
    error: "spam.$(example)" is not the host of an instance: it has '$'; a host has letters, digits, hyphens and dots
    error: "spam-.example" is not the host of an instance: no part of a host begins or ends with a hyphen
    error: "-spam.example" is not the host of an instance: no part of a host begins or ends with a hyphen
    error: "spam.spam.spam.spam.spam.spam.spam.spam.spam.spam.spam.spam.spam.spam.spam.spam.…" is not the host of an instance: a host name has at most 253 characters
    error: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.example" is not the host of an instance: between two dots there are at most 63 characters
    error: peer.example is this server's own host: its accounts are not deactivated as an instance
    error: peer.example is this server's own host: its accounts are not deactivated as an instance
    "#);
    Ok(())
}

#[tokio::test]
async fn the_own_host_is_not_hit_by_its_parent() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.remote("mallory", "social.peer.org").await?;
    let ostrakon = fixture.ostrakon.clone().with("OSTRAKON_INSTANCE_URL", "https://our.peer.org");
    let words =
        ["user", "deactivate_all_from_instance", "peer.org", "--include-subdomains", "--yes"];
    let before = fixture.rows().await?;
    let done = ostrakon.run(&words)?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: our.peer.org, this server's own host, is a sub-domain of peer.org: its accounts are not deactivated as an instance
    exit 4
    ");
    assert!(before == fixture.rows().await?);
    Ok(())
}

/// Nicknames of the active accounts.
async fn active(fixture: &Fixture) -> Result<BTreeSet<String>> {
    let (state, _) = fixture.rows().await?;
    let is_active = |row: &&Value| row["is_active"] == true || row["deactivated"] == false;
    let users = state.rows("users").iter().filter(is_active);
    Ok(users.filter_map(|row| row["nickname"].as_str()).map(str::to_owned).collect())
}

#[tokio::test]
async fn exactly_the_accounts_of_the_host_are_hit() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("evil.com").await?;
        let all = [
            ("a", "evil.com"),
            ("b", "EVIL.com"),
            ("c", "sub.evil.com"),
            ("d", "evil.com.br"),
            ("e", "notevil.com"),
            ("f", "www.evil.com"),
            ("g", "evil.co"),
            ("h", "evilxcom"),
        ];
        for (name, host) in all {
            fixture.world.remote(name, host).await?;
        }
        let typed = "Evil.COM.";
        let done = fixture.run(&format!("{DEACTIVATE} {typed} --yes --inline"))?;
        assert_eq!(
            (done.stdout.as_str(), done.code),
            ("Deactivated all users of evil.com.\n", 0),
            "{done:?}"
        );
        assert_eq!(
            done.stderr,
            "note: 2 accounts of sub-domains of evil.com left alone: add --include-subdomains to \
             deactivate them as well\n"
        );
        let left: BTreeSet<String> = all[2..]
            .iter()
            .map(|(name, host)| format!("{name}@{host}"))
            .chain(["evil.com".to_owned()])
            .collect();
        assert_eq!(active(&fixture).await?, left, "{flavour}");

        let done =
            fixture.run(&format!("{DEACTIVATE} {typed} --include-subdomains --yes --inline"))?;
        assert_eq!((done.stderr.as_str(), done.code), ("", 0), "{done:?}");
        let left: BTreeSet<String> =
            left.into_iter().filter(|name| !name.ends_with(".evil.com")).collect();
        assert_eq!(active(&fixture).await?, left, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn both_spellings_of_an_international_host_name_the_same_accounts() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::without_ledger(flavour).await?;
        fixture.world.local("alice").await?;
        fixture.world.remote("a", "bücher.example").await?;
        fixture.world.remote("b", "xn--bcher-kva.example").await?;
        fixture.world.remote("c", "bucher.example").await?;
        for typed in ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example"] {
            let (code, plan) = fixture.json(&format!("{DEACTIVATE} {typed} --dry-run"))?;
            assert_eq!((code, &plan["total"]), (0, &2.into()), "{flavour}: {typed}: {plan}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_host_of_which_no_account_is_known_is_not_done() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        fixture.world.remote("a", "sub.spam.example").await?;
        fixture.world.remote("b", "notspam.example").await?;
        fixture.world.remote("c", "x.bücher.example").await?;
        for flags in ["", "--dry-run", "--yes --inline", "--yes --json"] {
            let done = fixture.refused(&format!("{DEACTIVATE} spam.example {flags}")).await?;
            let reported = "no account of spam.example is known here; there is 1 of its sub-domains: add \
                        --include-subdomains if you mean it\nNothing was done.\n";
            assert_eq!((done.stdout.as_str(), done.stderr.as_str(), done.code), ("", reported, 3));
        }
        let done = fixture.refused(&format!("{DEACTIVATE} bücher.example --yes")).await?;
        assert!(done.stderr.contains("there is 1 of its sub-domains"), "{done:?}");
        let done =
            fixture.refused(&format!("{DEACTIVATE} pam.example --include-subdomains")).await?;
        let reported = "no account of pam.example is known here\nNothing was done.\n";
        assert_eq!((done.stdout.as_str(), done.stderr.as_str(), done.code), ("", reported, 3));
    }
    Ok(())
}

#[tokio::test]
async fn a_host_whose_accounts_are_all_off_is_known() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    fixture.world.remote("a", "spam.example").await?.is_deactivated().await?;
    let done = fixture.refused(&format!("{DEACTIVATE} spam.example")).await?;
    insta::assert_snapshot!(done.transcript(), @"
    out| Deactivated all users of spam.example.
    err| There was nothing to do.
    exit 0
    ");
    Ok(())
}

#[tokio::test]
async fn without_a_local_account_nothing_is_known_of_the_own_host() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.remote("mallory", "spam.example").await?;
    let done = fixture.run(&format!("{DEACTIVATE} spam.example --yes --inline"))?;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(active(&fixture).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn the_staff_is_named_and_the_running_server_informed_once() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let boss = fixture.world.local("boss").await?;
        let alice = fixture.world.local("alice").await?;
        let bystander = fixture.world.local("bystander").await?;
        let left = fixture.world.remote("left", "spam.example").await?;
        let mut spammers = Vec::new();
        for name in ["a", "b", "c"] {
            spammers.push(fixture.world.remote(name, "spam.example").await?);
        }
        left.is_deactivated().await?;
        fixture.sql("update users set is_admin = true where nickname = 'boss'").await?;
        // Both of alice's counters change, the first one in two steps of the run.
        for spammer in &spammers {
            alice.follows(spammer).await?;
            spammer.follows(&alice).await?;
        }
        bystander.follows(&left).await?;
        fixture.sql("update users set following_count = 0 where nickname = 'bystander'").await?;
        boss.follows(&alice).await?;

        // One account per batch: an account that many batches change is still reloaded only once.
        let ostrakon = fixture
            .ostrakon
            .clone()
            .with("OSTRAKON_BATCH_ROWS_INITIAL", "1")
            .with("OSTRAKON_BATCH_ROWS_MAX", "1");
        let line = "user deactivate_all_from_instance spam.example --yes --inline --as boss";
        let done = ostrakon.run(&line.split(' ').collect::<Vec<_>>())?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");

        let entries: Vec<Value> = spammers
            .iter()
            .map(|spammer| {
                json!({
                    "actor": person(&boss),
                    "action": "deactivate",
                    "message": format!("@boss deactivated users: @{}", spammer.nickname()),
                    "subject": [person(spammer)],
                })
            })
            .collect();
        assert_eq!(fixture.moderation_log().await?, entries, "{flavour}");

        let switched = |spammer: &Account| match flavour {
            Flavour::Pleroma => reads_anew(spammer),
            Flavour::Akkoma | Flavour::Pleroma22 => switches(flavour, spammer, false),
        };
        let mut expected: Vec<Value> = spammers.iter().map(switched).collect();
        if flavour == Flavour::Pleroma {
            expected.insert(0, reads_anew(&alice));
        } else {
            assert!(done.stderr.contains("until it restarts"), "{flavour}: {done:?}");
        }
        assert_eq!(fixture.refreshes().await?, expected, "{flavour}");
    }
    Ok(())
}

//! `--hosts-file` with block lists of other programs, and what is shown of their hosts.

use std::fs;

use anyhow::{Context as _, Result};
use testkit::{Done, Flavour};

use super::{
    FLAVOURS,
    hosts_file::{Place, objects, plans},
};

/// Hosts that a dry run names, in their order.
fn subjects(done: &Done) -> Result<Vec<String>> {
    let plans = plans(done)?;
    Ok(plans.iter().filter_map(|plan| plan["subject"].as_str().map(str::to_owned)).collect())
}

/// Lists as other programs write them. Each names the same two hosts, and one that is only silenced.
#[tokio::test]
async fn lists_of_other_programs_are_read() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let before = place.fixture.rows().await?;
    let mastodon = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\r\n\
                    spam.example,suspend,true,true,\"spam, bots\",true\r\n\
                    good.example,silence,false,false,,false\r\n\
                    B\u{fc}cher.example.,suspend,TRUE,t,,1\r\n";
    let fediblockhole = "domain,severity,private_comment,public_comment,reject_media,obfuscate\n\
                         spam.example,suspend,,,True,\nxn--bcher-kva.example,suspend,,,y,\n\
                         good.example,silence,,,,\n";
    let iftas = "\"dni.invalid\",\"suspend\",\"FALSE\",\"FALSE\",\"iftas:canary\",\"TRUE\"\n\
                 \"spam.example\",\"suspend\",\"FALSE\",\"FALSE\",\"iftas:spam\",\"TRUE\"\n\
                 \"good.example\",\"noop\",\"FALSE\",\"FALSE\",\"iftas:spam\",\"TRUE\"\n\
                 \"b\u{fc}cher.example\",\"suspend\",\"FALSE\",\"FALSE\",\"iftas:spam\",\"TRUE\"\n";
    let gotosocial = r#"[{"domain":"spam.example","suspended_at":"2026-05-13T13:29:12.000Z"},
                         {"domain":"good.example","silenced_at":"2026-05-13T13:29:12.000Z"},
                         {"domain":"xn--bcher-kva.example","suspended_at":"2026-05-13"}]"#;
    let rapidblock = r#"{"blocks":{"spam.example":{"isBlocked":true,"reason":"spam","tags":[]},
                         "good.example":{"isBlocked":false},
                         "xn--bcher-kva.example":{"isBlocked":true}}}"#;
    for (list, format) in [
        (mastodon, "mastodon"),
        (fediblockhole, "fediblockhole"),
        (iftas, "csv"),
        (gotosocial, "gotosocial-json"),
        (rapidblock, "rapidblock-json"),
    ] {
        for format in [String::new(), format!("--format {format}")] {
            let done = place.run(list, &format!("--dry-run --json {format}"))?;
            assert_eq!(done.code, 0, "{list}: {done:?}");
            assert_eq!(subjects(&done)?, ["spam.example", "xn--bcher-kva.example"], "{list}");
            assert!(done.stderr.contains("skipped: 1 "), "{list}: {done:?}");
        }
    }
    let cut_off = iftas.split_once('\n').context("no line")?.1;
    let done = place.run_on_input(cut_off, "--yes")?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: the standard input has labels of IFTAS, but not its canary row dni.invalid: it is out of date, or cut off. Download it again. If it is a list of your own with rows of IFTAS, add the row dni.invalid, with the label iftas:canary
    err| Nothing was queued.
    exit 2
    ");
    for (file, reason) in [
        ("<html>no</html>", "is an HTML page"),
        ("\u{1f}\u{8b}", "contains no host"),
        ("domain,severity\nspam.example,\"suspend", "a quote is opened and never closed"),
        ("[{\"domain\":\"spam.example\"", "ends too early"),
        ("{\"blocks\":{\"spam.example\":{}}}", "missing field `isBlocked`"),
        ("spam.example,good.example", "more than one column"),
        ("spam.example\0", "NUL byte"),
    ] {
        let done = place.run_on_input(file, "--yes --inline")?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{file:?}: {done:?}");
        let reported = done.stderr.contains(reason) || file.starts_with('\u{1f}');
        assert!(reported && done.stderr.contains("Nothing was queued."), "{file:?}: {done:?}");
    }
    assert!(before == place.fixture.rows().await?);
    Ok(())
}

#[tokio::test]
async fn a_list_is_narrowed_down() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let before = place.fixture.rows().await?;
    let list = "domain,severity\nspam.example,suspend\nb\u{fc}cher.example,silence\n\
                good.example,noop\nx.spam.example,\nb*d.example,suspend\n";
    for (flags, hosts) in [
        ("--skip-invalid", "spam.example"),
        ("--skip-invalid --severity silence", "xn--bcher-kva.example"),
        ("--skip-invalid --severity suspend,noop", "spam.example good.example"),
        ("--skip-invalid --severity suspend --severity empty", "spam.example x.spam.example"),
        (
            "--skip-invalid --severity any",
            "spam.example xn--bcher-kva.example good.example x.spam.example",
        ),
    ] {
        let done = place.run(list, &format!("{flags} --dry-run --json"))?;
        assert_eq!(subjects(&done)?.join(" "), hosts, "{flags}: {done:?}");
    }
    let allow = place.folder.path().join("allow.csv");
    fs::write(&allow, "domain,severity\nSpam.example,silence\nnobody.example,\n")?;
    let allow = format!("--allow-file {} --skip-invalid", allow.display());
    let done = place.run(list, &format!("{allow} --severity any --dry-run --json"))?;
    assert_eq!(
        subjects(&done)?,
        ["xn--bcher-kva.example", "good.example", "x.spam.example"],
        "{done:?}"
    );
    let done = place.run_on_input(list, &format!("{allow} --severity suspend --yes"))?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: the standard input contains no host that is taken; skipped: 1 silence, 1 noop, 1 allowed, 1 obfuscated or wildcard, 1 invalid
    err| Nothing was queued.
    exit 2
    ");
    // An allowed host would be hit through its parent.
    fs::write(place.folder.path().join("allow.csv"), "x.spam.example\n")?;
    let done = place.run_on_input(list, &format!("{allow} --include-subdomains --yes"))?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: the standard input is not accepted:
    err|   line 2: spam.example with its sub-domains would include x.spam.example, which --allow-file takes out
    err| Nothing was queued.
    exit 2
    ");
    for flags in
        ["--allow-file -", "--allow-file /dev/null", "--allow-file /nowhere/x", "spam.example"]
    {
        let done = place.run_on_input("spam.example\n", &format!("{flags} --yes"))?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{flags}: {done:?}");
    }
    for flags in
        ["--severity suspend", "--format plain", "--skip-invalid", "--allow-file /dev/null"]
    {
        let line = format!("user deactivate_all_from_instance spam.example {flags} --yes");
        assert_eq!(place.fixture.run(&line)?.code, 2, "{flags}");
    }
    assert!(before == place.fixture.rows().await?);
    Ok(())
}

#[tokio::test]
async fn what_a_list_says_is_in_the_reason_of_each_run() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let list = "domain,severity,public_comment,tags\nspam.example,suspend,\"spam\nbots\",csam\n\
                b\u{fc}cher.example,suspend,,\n";
    let words = [
        "user",
        "deactivate_all_from_instance",
        "--hosts-file",
        "-",
        "--yes",
        "--reason",
        "weekly list",
    ];
    assert_eq!(place.fixture.ostrakon.run_with_input(&words, list)?.code, 0);
    let (_, ledger) = place.fixture.rows().await?;
    let mut reasons: Vec<_> =
        ledger.iter().filter(|row| row["payload"].is_object()).map(|row| &row["reason"]).collect();
    reasons.sort_by_key(ToString::to_string);
    assert_eq!(reasons, ["weekly list", "weekly list: spam bots; csam"]);
    Ok(())
}

#[tokio::test]
async fn a_list_shows_what_each_host_is_to_our_people() -> Result<()> {
    for flavour in FLAVOURS {
        let place = Place::new(flavour).await?;
        let world = &place.fixture.world;
        let [bob, carol, gone] =
            [world.local("bob").await?, world.local("carol").await?, world.local("gone").await?];
        let [first, second, below] = [
            world.remote("e", "spam.example").await?,
            world.remote("f", "spam.example").await?,
            world.remote("g", "y.spam.example").await?,
        ];
        for (follower, followed) in
            [(&bob, &first), (&bob, &second), (&carol, &first), (&bob, &below), (&gone, &second)]
        {
            follower.follows(followed).await?;
        }
        gone.is_deactivated().await?;
        for (flags, expected) in [
            ("", [(4, 2, 5, 2), (1, 1, 1, 0), (1, 0, 1, 0), (0, 0, 0, 0)]),
            ("--include-subdomains", [(6, 2, 7, 0), (1, 1, 1, 0), (1, 0, 1, 0), (0, 0, 0, 0)]),
        ] {
            let list = "spam.example\ny.spam.example\nbücher.example\nnobody.example";
            let shown = plans(&place.run(list, &format!("{flags} --dry-run --json"))?)?;
            let figures: Vec<_> = shown.iter().map(|object| object["figures"].clone()).collect();
            let expected = expected.map(|(accounts, followers, relations, below)| {
                serde_json::json!({
                    "accounts": accounts,
                    "followers": followers,
                    "relations": relations,
                    "subdomain_accounts": below,
                })
            });
            assert_eq!(figures, expected, "{flavour} {flags}");
        }
    }
    Ok(())
}

/// Hosts that most of our people follow come first; each other kind is one line.
#[tokio::test]
async fn hosts_are_shown_by_how_many_of_our_people_follow_them() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let world = &place.fixture.world;
    let long = format!("{}.example", "long-name-of-a-host".repeat(3));
    let mut list = ["nobody.example", "nobody.example", "spam.example"].map(str::to_owned).to_vec();
    for number in 0..12 {
        world
            .remote("a", &format!("h{number}.example"))
            .await?
            .follows(&world.local(&format!("l{number}")).await?)
            .await?;
        list.extend([format!("h{number}.example"), format!("n{number}.example")]);
    }
    let [bob, carol] = [world.local("bob").await?, world.local("carol").await?];
    let far = world.remote("f", &long).await?;
    bob.follows(&far).await?;
    carol.follows(&far).await?;
    bob.follows(&world.remote("f", "y.example").await?).await?;
    world.remote("s", "x.deep.example").await?;
    list.push("deep.example".to_owned());
    let gone = world.remote("g", "gone.example").await?;
    gone.is_deactivated().await?;
    list.extend([long, "y.example".to_owned(), "gone.example".to_owned()]);
    let list = list.join("\n");
    let before = place.fixture.rows().await?;
    let done = place.run_on_input(&list, "--dry-run")?;
    let table = done.stdout.lines().take_while(|line| !line.starts_with("Unknown"));
    let wide = table.filter(|line| line.chars().count() > 80);
    assert_eq!(wide.collect::<Vec<_>>(), [""; 0]);
    insta::assert_snapshot!(done.transcript(), @"
    out|    FOLLOWED BY  ACCOUNTS  RELATIONS  HOST
    out| *            2         1          2
    out|     long-name-of-a-hostlong-name-of-a-hostlong-name-of-a-host.example
    out| *            1         1          1  y.example
    out|              0         2          2  spam.example
    out|              0         1          1  h0.example
    out|              0         1          1  h1.example
    out|              0         1          1  h2.example
    out|              0         1          1  h3.example
    out|              0         1          1  h4.example
    out|              0         1          1  h5.example
    out|              0         1          1  h6.example
    out|              0         1          1  h7.example
    out|              0         1          1  h8.example
    out|              0         1          1  h9.example
    out|              0         1          1  h10.example
    out|              0         1          1  h11.example
    out| * People of this server follow accounts of 2 hosts.
    out| Nothing to do for 1 host.
    out| Unknown here: 14 hosts (nobody.example, n0.example, n1.example, …). Sub-domains of 1 are known: add --include-subdomains if you mean them.
    out| Server: Pleroma 2.7 to 2.9.
    out| Nothing was changed.
    err| the standard input: 30 hosts; skipped: 1 duplicate.
    err| Together, deactivate_instance for 30 hosts would touch:
    err|   16 accounts
    err|   14 follow relations
    err|    3 relations of local followers
    err|   14 account reloads
    err|   note: 1 account of sub-domains of spam.example left alone: add --include-subdomains to deactivate them as well
    err|   note: 1 account of sub-domains of deep.example left alone: add --include-subdomains to deactivate them as well
    exit 0
    ");
    let done = place.run_on_input(&list, "")?;
    insta::assert_snapshot!(done.transcript(), @"
    err| the standard input: 30 hosts; skipped: 1 duplicate.
    err| Listed hosts that need work: 15; already queued: 0; nothing to do: 1; unknown: 14.
    err|    FOLLOWED BY  ACCOUNTS  RELATIONS  HOST
    err| *            2         1          2
    err|     long-name-of-a-hostlong-name-of-a-hostlong-name-of-a-host.example
    err| *            1         1          1  y.example
    err|              0         2          2  spam.example
    err|              0         1          1  h0.example
    err|              0         1          1  h1.example
    err|              0         1          1  h2.example
    err| 9 more; --dry-run shows all
    err| * People of this server follow accounts of 2 hosts.
    err| deactivate_instance for 15 hosts will touch:
    err|   16 accounts
    err|   14 follow relations
    err|    3 relations of local followers
    err|   14 account reloads
    err|   note: 1 account of sub-domains of spam.example left alone: add --include-subdomains to deactivate them as well
    err| Server: Pleroma 2.7 to 2.9.
    err| error: this cannot be undone, and there is no terminal to ask on: add --yes to do it, or --dry-run to only look
    err| Nothing was changed.
    exit 4
    ");
    assert!(done.transcript().lines().count() <= 24);
    assert!(before == place.fixture.rows().await?);
    Ok(())
}

#[tokio::test]
async fn a_dry_run_in_json_begins_with_the_list() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let list = "a.example,suspend\nb.example,silence\n*.c.example,suspend\na.example,suspend\n";
    let flags = "--dry-run --json --skip-invalid";
    let lists = objects(&place.run(list, flags)?)?;
    let purge = format!("purge instance --hosts-file - {flags}");
    let words: Vec<&str> = purge.split(' ').collect();
    let purges = objects(&place.fixture.ostrakon.run_with_input(&words, list)?)?;
    assert_eq!(lists[0], purges[0]);
    assert_eq!(
        lists[0],
        serde_json::json!({"hosts": 1, "skipped": {
            "suspend": 0, "silence": 1, "noop": 0, "not_blocked": 0, "canary": 0, "duplicate": 1, "allowed": 0,
            "obfuscated": 1, "invalid": 0,
            "unread": ["line 3: \"*.c.example\" is a wildcard: name c.example, and add --include-subdomains"],
        }})
    );
    Ok(())
}

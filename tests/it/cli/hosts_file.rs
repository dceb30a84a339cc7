//! `deactivate_all_from_instance --hosts-file`: a list of hosts.

use std::{fs, thread};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Done, Flavour};

use super::{FLAVOURS, Fixture, redacted};

/// A server with accounts of three hosts, and a folder for files.
pub(super) struct Place {
    pub(super) fixture: Fixture,
    pub(super) folder: TempDir,
}

impl Place {
    pub(super) async fn new(flavour: Flavour) -> Result<Self> {
        let fixture = Fixture::new(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        for (name, host) in [
            ("a", "spam.example"),
            ("b", "spam.example"),
            ("c", "bücher.example"),
            ("d", "x.spam.example"),
        ] {
            fixture.world.remote(name, host).await?.follows(&alice).await?;
        }
        fixture.world.remote("good", "good.example").await?;
        Ok(Self { fixture, folder: TempDir::new()? })
    }

    /// Runs the command with a file that contains `lines`.
    pub(super) fn run(&self, lines: &str, flags: &str) -> Result<Done> {
        let path = self.folder.path().join("hosts.txt");
        fs::write(&path, lines)?;
        self.run_on(path.to_str().context("no path")?, flags)
    }

    fn run_on(&self, path: &str, flags: &str) -> Result<Done> {
        let line = format!("user deactivate_all_from_instance --hosts-file {path} {flags}");
        self.fixture.run(&line)
    }

    /// Runs the command with `lines` on its standard input.
    pub(super) fn run_on_input(&self, lines: &str, flags: &str) -> Result<Done> {
        let line = format!("user deactivate_all_from_instance --hosts-file - {flags}");
        self.fixture.ostrakon.run_with_input(&line.split_whitespace().collect::<Vec<_>>(), lines)
    }

    async fn inactive(&self) -> Result<Vec<String>> {
        let (state, _) = self.fixture.rows().await?;
        let off = |row: &&Value| row["is_active"] == false || row["deactivated"] == true;
        let users = state.rows("users").iter().filter(off);
        Ok(users.filter_map(|row| row["nickname"].as_str()).map(str::to_owned).collect())
    }
}

/// Plans of a dry run, after the object about the list.
pub(super) fn plans(done: &Done) -> Result<Vec<Value>> {
    let mut objects = objects(done)?;
    let list = objects.remove(0);
    assert!(list["hosts"].as_u64() == Some(objects.len() as u64), "{list}");
    Ok(objects)
}

pub(super) fn objects(done: &Done) -> Result<Vec<Value>> {
    Ok(done.stdout.lines().map(serde_json::from_str).collect::<serde_json::Result<_>>()?)
}

const LIST: &str =
    "# since May\nspam.example\n\nBücher.example # books\nnobody.example\nSPAM.example\n";

#[tokio::test]
async fn the_hosts_of_a_list_are_done_one_after_the_other() -> Result<()> {
    for flavour in FLAVOURS {
        let place = Place::new(flavour).await?;
        let before = place.fixture.rows().await?;
        let plan = place.run(LIST, "--dry-run --json")?;
        let counts: Vec<_> = plans(&plan)?
            .iter()
            .map(|plan| (plan["subject"].clone(), plan["total"].clone(), plan["notes"][0].clone()))
            .collect();
        let below = "1 account of sub-domains of spam.example left alone: add \
                     --include-subdomains to deactivate them as well";
        let nobody = "no account of nobody.example is known here";
        assert_eq!(
            counts,
            [
                ("spam.example".into(), 6.into(), below.into()),
                ("xn--bcher-kva.example".into(), 3.into(), Value::Null),
                ("nobody.example".into(), 0.into(), nobody.into()),
            ],
            "{flavour}"
        );
        assert!(before == place.fixture.rows().await?, "{flavour}");

        let done = place.run_on_input(LIST, "--inline --yes")?;
        let lines = "Deactivated all users of spam.example.\n\
                     Deactivated all users of xn--bcher-kva.example.\n";
        assert_eq!((done.stdout.as_str(), done.code), (lines, 0), "{flavour}: {done:?}");
        assert!(
            done.stderr.contains("Unknown here: 1 host (nobody.example).\n"),
            "{flavour}: {done:?}"
        );
        let off = ["a@spam.example", "b@spam.example", "c@bücher.example"];
        assert_eq!(place.inactive().await?, off, "{flavour}");
        let (_, ledger) = place.fixture.rows().await?;
        let done: Vec<_> = ledger.iter().filter(|row| row["status"] == "succeeded").collect();
        assert_eq!(done.len(), 2, "{flavour}");
        for run in done {
            assert_eq!(run["done"], run["total"], "{flavour}");
        }

        let done = place.run("spam.example\n", "--include-subdomains --inline --yes --json")?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        assert!(place.inactive().await?.contains(&"d@x.spam.example".to_owned()), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn a_list_counts_as_each_of_its_hosts_alone() -> Result<()> {
    for flavour in FLAVOURS {
        let place = Place::new(flavour).await?;
        for flags in ["", "--include-subdomains"] {
            let list = "spam.example\nbücher.example\ngood.example\nx.spam.example";
            let together = plans(&place.run(list, &format!("{flags} --dry-run --json"))?)?;
            for (host, mut listed) in list.lines().zip(together) {
                // What the hosts are to our people is compared for a list only.
                listed
                    .as_object_mut()
                    .context("no object")?
                    .remove("figures")
                    .context("no figures")?;
                let line = format!("user deactivate_all_from_instance {host} {flags} --dry-run");
                let (_, mut alone) = place.fixture.json(&line)?;
                // For a list, the note that the server cannot reload accounts is printed only once.
                let notes = alone["notes"].as_array_mut().context("no notes")?;
                notes.retain(|note| !note.to_string().contains("until it restarts"));
                assert_eq!(listed, alone, "{flavour} {flags}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn one_bad_line_stops_the_whole_list() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let before = place.fixture.rows().await?;
    let list = "spam.example\n%\n# fine\nhttps://a.example\n192.0.2.1\n*.b.example\nex*mpl*.org\n";
    let done = place.run_on_input(list, "--yes")?;
    insta::assert_snapshot!(done.transcript(), @r#"
    err| error: the standard input is not accepted:
    err|   line 2: "%" is not the host of an instance: wildcards are not accepted, name one host
    err|   line 4: "https://a.example" is not the host of an instance: it is a URL; its host alone is a.example
    err|   line 5: "192.0.2.1" is not the host of an instance: it is an address; instances are known by name
    err|   line 6: "*.b.example" is a wildcard: name b.example, and add --include-subdomains
    err|   line 7: "ex*mpl*.org" is obfuscated or a wildcard: get the list with the real names
    err| Correct the file, or leave such lines out with --skip-invalid.
    err| Nothing was queued.
    exit 2
    "#);
    let table = "#domain,#severity,#public_comment\nspam.example,suspend,\n*.b.example,silence,\n\
                 c.example,,\nd.example,block,\ne.example,suspend,no,comma\n";
    let done = place.run_on_input(table, "--yes")?;
    insta::assert_snapshot!(done.transcript(), @r#"
    err| error: the standard input is not accepted:
    err|   line 3: "*.b.example" is a wildcard: name b.example, and add --include-subdomains
    err|   line 4: its severity is empty; --severity suspend,empty takes such lines
    err|   line 5: "block" is no severity; there are suspend, silence and noop
    err|   line 6: it has 4 columns, and the first line names 3: a text with a comma needs quotes
    err| Correct the file, or leave such lines out with --skip-invalid.
    err| Nothing was queued.
    exit 2
    "#);
    let done = place.run_on_input("spam.example\nPEER.example\n", "--yes --inline")?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: the standard input is not accepted:
    err|   line 2: peer.example is this server's own host: its accounts are not deactivated as an instance
    err| Nothing was queued.
    exit 4
    ");
    assert_eq!(place.run_on_input("PEER.example\n_\n", "--yes --inline")?.code, 2);
    assert!(before == place.fixture.rows().await?);
    Ok(())
}

#[tokio::test]
async fn a_list_that_names_nobody_is_refused() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let before = place.fixture.rows().await?;
    for list in ["", "\n\n", "# nothing\n  \n"] {
        let done = place.run_on_input(list, "--yes")?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{list:?}: {done:?}");
        assert!(done.stderr.contains("contains no host\nNothing was queued."), "{done:?}");
    }
    // An endless file: no more is read than is accepted.
    let done = place.run_on("/dev/zero", "--yes")?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: /dev/zero is larger than 4,194,304 bytes: split the list
    err| Nothing was queued.
    exit 2
    ");
    let done = place.run_on("/nowhere/hosts.txt", "--yes")?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: /nowhere/hosts.txt cannot be read (No such file or directory (os error 2)); nothing was queued
    exit 2
    ");
    // Either a host or a list of hosts.
    assert_eq!(place.run_on("/nowhere/hosts.txt", "spam.example --yes")?.code, 2);
    assert_eq!(place.fixture.run("user deactivate_all_from_instance --yes")?.code, 2);
    assert!(before == place.fixture.rows().await?);
    Ok(())
}

#[tokio::test]
async fn a_list_of_hosts_that_nobody_knows_is_not_done() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let before = place.fixture.rows().await?;
    let done = place.run_on_input("nobody.example\nexample.org\n", "--yes")?;
    insta::assert_snapshot!(done.transcript(), @"
    err| Listed hosts that need work: 0; already queued: 0; nothing to do: 0; unknown: 2.
    err| Unknown here: 2 hosts (nobody.example, example.org).
    err| no account of any listed host is known here; nothing was done
    exit 3
    ");
    assert_eq!(place.run_on_input("nobody.example\nexample.org\n", "--dry-run")?.code, 3);
    assert!(before == place.fixture.rows().await?);
    Ok(())
}

#[tokio::test]
async fn a_list_is_asked_about_once() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let before = place.fixture.rows().await?;
    let done = place.run_on_input(LIST, "")?;
    insta::assert_snapshot!(done.transcript(), @"
    err| the standard input: 3 hosts; skipped: 1 duplicate.
    err| Listed hosts that need work: 2; already queued: 0; nothing to do: 0; unknown: 1.
    err|   FOLLOWED BY  ACCOUNTS  RELATIONS  HOST
    err|             0         2          2  spam.example
    err|             0         1          1  xn--bcher-kva.example
    err| deactivate_instance for 2 hosts will touch:
    err|   3 accounts
    err|   3 follow relations
    err|   0 relations of local followers
    err|   3 account reloads
    err|   note: 1 account of sub-domains of spam.example left alone: add --include-subdomains to deactivate them as well
    err| Server: Pleroma 2.7 to 2.9.
    err| error: this cannot be undone, and there is no terminal to ask on: add --yes to do it, or --dry-run to only look
    err| Nothing was changed.
    exit 4
    ");
    assert!(before == place.fixture.rows().await?);
    Ok(())
}

#[tokio::test]
async fn what_is_queued_already_is_reported() -> Result<()> {
    let _redacted = redacted();
    let place = Place::new(Flavour::Pleroma).await?;
    let id = place.fixture.queue("user deactivate_all_from_instance spam.example --yes")?;
    let done = place.run_on_input(LIST, "--yes --json")?;
    assert_eq!(done.code, 0, "{done:?}");
    let runs = objects(&done)?;
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert_eq!(
        (&runs[0]["run_id"], &runs[0]["subject"]),
        (&id.clone().into(), &"spam.example".into())
    );
    assert_eq!((&runs[1]["run_id"], &runs[1]["subject"]), (&Value::Null, &"nobody.example".into()));
    let nobody = "no account of nobody.example is known here";
    assert_eq!((&runs[1]["status"], &runs[1]["error"]), (&"unknown".into(), &nobody.into()));
    assert_eq!(
        (&runs[2]["status"], &runs[2]["subject"]),
        (&"queued".into(), &"xn--bcher-kva.example".into())
    );
    // Everything left was queued before.
    let before = place.fixture.rows().await?;
    let done = place.run_on_input("spam.example\nbücher.example\n", "--yes")?;
    insta::assert_snapshot!(done.transcript(), @"
    err| Listed hosts that need work: 0; already queued: 2; nothing to do: 0; unknown: 0.
    err| spam.example: run <run> (deactivate_instance) is already queued
    err| xn--bcher-kva.example: run <run> (deactivate_instance) is already queued
    err| error: run <run> (deactivate_instance) is already queued; follow it with: ostrakon runs watch <run>
    exit 5
    ");
    // The same for this list, as far as its hosts are known.
    assert_eq!(place.run_on_input(LIST, "--yes")?.code, 5);
    assert!(before == place.fixture.rows().await?);
    // With `--inline`, this process does the queued run.
    assert_eq!(place.run_on_input("spam.example\n", "--yes --inline")?.code, 0);
    let (_, ledger) = place.fixture.rows().await?;
    assert_eq!((&ledger[0]["id"], &ledger[0]["status"]), (&id.into(), &"succeeded".into()));
    Ok(())
}

#[tokio::test]
async fn a_run_of_a_list_is_like_any_other() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let alone = place.fixture.queue("user deactivate_all_from_instance spam.example --yes")?;
    place.fixture.run(&format!("runs cancel {alone}"))?;
    assert_eq!(place.run_on_input("spam.example\n", "--yes")?.code, 0);
    let (_, ledger) = place.fixture.rows().await?;
    let runs: Vec<&Value> = ledger.iter().filter(|row| row["payload"].is_object()).collect();
    for field in [
        "job",
        "class",
        "payload",
        "subject",
        "dedupe_key",
        "plan",
        "total",
        "requested_by",
        "control",
    ] {
        assert_eq!(runs[0][field], runs[1][field], "{field}");
    }
    let events: Vec<&Value> = ledger.iter().filter(|row| row["event"] == "queued").collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["detail"], events[1]["detail"]);
    Ok(())
}

#[tokio::test]
async fn a_list_is_followed_to_its_end() -> Result<()> {
    let place = Place::new(Flavour::Pleroma).await?;
    let ostrakon = place.fixture.ostrakon.clone();
    let line = "user deactivate_all_from_instance --hosts-file - --yes --wait --json";
    let waiting = thread::spawn(move || {
        ostrakon
            .run_with_input(&line.split(' ').collect::<Vec<_>>(), "spam.example\nbücher.example")
    });
    for id in place.fixture.queued(2).await? {
        assert_eq!(place.fixture.run(&format!("runs cancel {id}"))?.code, 0);
    }
    let done = waiting.join().map_err(|_panic| anyhow::anyhow!("the command panicked"))??;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains("2 runs did not succeed"), "{done:?}");
    let objects = objects(&done)?;
    assert_eq!(objects.len(), 3);
    assert!(objects.iter().all(|object| object["status"] == "cancelled"), "{objects:?}");
    assert!(objects[2]["run_id"].is_null() && objects[2]["runs"] == 2, "{objects:?}");
    Ok(())
}

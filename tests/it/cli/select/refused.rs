//! Selections that are refused, and lists of accounts.

use std::io::Write as _;

use anyhow::Result;
use testkit::Flavour;

use super::{Fixture, community, selected};
use crate::fixture::NOWHERE;

#[tokio::test]
async fn what_selects_nothing_or_contradicts_itself_is_refused() -> Result<()> {
    let fixture = community(Flavour::Pleroma22).await?;
    let lines = [
        ("select", 2, "no selector was given, which would mean every account"),
        ("select --sample 3 --json", 2, "no selector was given"),
        ("select --local --host spam.example", 2, "--host selects remote accounts"),
        ("select --local --remote", 2, "exclude each other"),
        ("select --remote --unapproved", 2, "of this server only"),
        ("select --nick *", 2, "every nickname"),
        ("select --created 2025-11-22..20", 2, "it ends before it begins"),
        ("select --host peer.example", 4, "peer.example is this server"),
        ("select --inactive-since 1y", 4, "does not store when an account was last used"),
        ("select --from-file /nowhere/at/all", 2, "cannot be read"),
    ];
    let commands: Vec<&str> = lines.iter().map(|(line, ..)| *line).collect();
    for (done, (line, code, reason)) in fixture.all_refused(&commands).await?.iter().zip(lines) {
        assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{line}: {done:?}");
        assert!(done.stderr.contains(reason), "{line}: {done:?}");
    }
    Ok(())
}

/// Pleroma 2.4 stores when a local account was last used, but not when anybody last posted.
#[tokio::test]
async fn what_a_release_does_not_store_is_not_guessed() -> Result<()> {
    let database = testkit::Database::of_release(testkit::Release::named("pleroma-2.4")?).await?;
    let fixture = Fixture::on(database).await?;
    for nickname in ["used", "unused", "new"] {
        fixture.world.local(nickname).await?;
    }
    fixture
        .sql(
            "update users set last_active_at = now() - interval '3 days' where nickname = 'used';
             update users set inserted_at = now() where nickname = 'new'",
        )
        .await?;
    for line in ["select --inactive-since 1month", "select --remote --inactive-since 1month"] {
        let done = fixture.refused(line).await?;
        let reason = "does not store when a remote account last posted";
        assert!(done.code == 4 && done.stderr.contains(reason), "{done:?}");
    }
    let done = fixture.run("select --local --inactive-since 1month")?;
    let names: Vec<_> =
        done.stdout.lines().skip(2).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!((done.code, names), (0, vec!["unused", "Digest:"]), "{done:?}");
    Ok(())
}

/// The command line and the file are read before anything is connected to.
#[test]
fn a_wrong_line_needs_no_database() -> Result<()> {
    let ostrakon = testkit::Ostrakon::nowhere()
        .with("OSTRAKON_DATABASE_URL", format!("postgres://nobody@{NOWHERE}/nothing"));
    for line in [&["select"][..], &["select", "--from-file", "/nowhere/at/all"]] {
        assert_eq!(ostrakon.run(line)?.code, 2, "{line:?}");
    }
    assert_eq!(ostrakon.run(&["select", "--local"])?.code, 8);
    Ok(())
}

fn list(text: &str) -> Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn from_file(fixture: &Fixture, text: &str, more: &[&str]) -> Result<testkit::Done> {
    let file = list(text)?;
    let path = file.path().to_string_lossy().into_owned();
    let words = [&["select", "--json", "--from-file", &path], more].concat();
    fixture.run_words(&words)
}

#[tokio::test]
async fn accounts_are_read_from_a_file() -> Result<()> {
    let fixture = Fixture::without_ledger(Flavour::Pleroma).await?;
    let mut ids = Vec::new();
    for nickname in ["alice", "bob", "carol"] {
        ids.push(fixture.world.local(nickname).await?.id());
    }
    ids.push(fixture.world.remote("mallory", "spam.example").await?.id());
    let flakes: Vec<String> = ids.iter().map(|id| testkit::flake_text(*id)).collect();
    fixture.sql("update users set is_admin = true where nickname = 'carol'").await?;
    let csv = format!("\u{feff}nickname,id\r\nwas_alice,{}\r\n\"BOB\",\r\n", ids[0]);
    for (text, expected) in [
        ("alice\n", &[0][..]),
        ("@ALICE@peer.example\n\n# more\nbob # two\r\nalice\n", &[0, 1]),
        ("mallory@spam.example", &[3]),
        ("@Mallory@SPAM.example", &[3]),
        ("carol\nalice", &[0]),
        (&csv, &[0, 1]),
        (&format!("{}\n{}\n", flakes[1], ids[3]), &[1, 3]),
    ] {
        let done = from_file(&fixture, text, &[])?;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{text}");
        let wanted = expected.iter().filter_map(|place| flakes.get(*place).cloned()).collect();
        assert_eq!(selected(&done.stdout)?.0, wanted, "{text}");
    }
    let narrowed = from_file(&fixture, "alice\nmallory@spam.example\n", &["--remote"])?;
    assert_eq!(selected(&narrowed.stdout)?.0, [flakes[3].clone()].into());
    let unknown = from_file(&fixture, "alice\nghost\nali_e\n", &[])?;
    assert_eq!((unknown.code, unknown.stdout.as_str()), (3, ""), "{unknown:?}");
    for line in ["line 2: no account ghost", "line 3: no account ali_e", "--skip-unknown"] {
        assert!(unknown.stderr.contains(line), "{unknown:?}");
    }
    let skipped = from_file(&fixture, "alice\nghost\nali_e\n", &["--skip-unknown"])?;
    let (found, summary) = selected(&skipped.stdout)?;
    assert_eq!(
        (found, summary["unknown_left_out"].as_i64()),
        ([flakes[0].clone()].into(), Some(2))
    );
    for text in ["", "alice,bob\n", "a b\n", "nickname,id\n", "alice\n%\n"] {
        let done = from_file(&fixture, text, &[])?;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{text}: {done:?}");
        assert!(done.stderr.contains("Nothing was changed."), "{text}: {done:?}");
    }
    Ok(())
}

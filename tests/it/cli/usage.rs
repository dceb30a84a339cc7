//! Grammar: what can be typed, and the answers to anything else.

use std::fmt::Write as _;

use anyhow::Result;
use testkit::Ostrakon;

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn what_is_no_command_is_refused_with_a_hint() -> Result<()> {
    let ostrakon = Ostrakon::nowhere();
    let mut reported = String::new();
    for line in [
        "usr",
        "user delete_activitys alice",
        "user delete_activities",
        "user delete_activities alice bob",
        "user delete_activities alice --dryrun",
        "user delete_activities alice --inline --wait",
        "user activate alice --wait-timeout 5m",
        "user activate alice --wait --wait-timeout soon",
        "user activate alice --remote",
        "runs show",
    ] {
        let done = ostrakon.run(&words(line))?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{line}: {done:?}");
        write!(reported, "$ ostrakon {line}\n{}", done.stderr)?;
    }
    insta::assert_snapshot!(reported, @r#"
    $ ostrakon usr
    error: ostrakon has no command "usr"
    Did you mean:
      ostrakon user
    All commands: ostrakon --help
    $ ostrakon user delete_activitys alice
    error: ostrakon user has no command "delete_activitys"
    Did you mean:
      ostrakon user delete_activities
    All commands: ostrakon user --help
    $ ostrakon user delete_activities
    error: the following required arguments were not provided:
      <NICK>

    Usage: ostrakon user delete_activities <NICK>

    For more information, try '--help'.
    $ ostrakon user delete_activities alice bob
    error: unexpected argument 'bob' found

    Usage: ostrakon user delete_activities [OPTIONS] [NICK]

    For more information, try '--help'.
    $ ostrakon user delete_activities alice --dryrun
    error: unexpected argument '--dryrun' found

      tip: a similar argument exists: '--dry-run'

    Usage: ostrakon user delete_activities --dry-run <NICK>

    For more information, try '--help'.
    $ ostrakon user delete_activities alice --inline --wait
    error: the argument '--inline' cannot be used with '--wait'

    Usage: ostrakon user delete_activities --inline <NICK>

    For more information, try '--help'.
    $ ostrakon user activate alice --wait-timeout 5m
    error: the following required arguments were not provided:
      <--wait|--inline>

    Usage: ostrakon user activate --wait-timeout <DURATION> <--wait|--inline> <NICK>

    For more information, try '--help'.
    $ ostrakon user activate alice --wait --wait-timeout soon
    error: invalid value 'soon' for '--wait-timeout <DURATION>': expected number at 0

    For more information, try '--help'.
    $ ostrakon user activate alice --remote
    error: the argument '[NICK]' cannot be used with:
      --local
      --remote

    Usage: ostrakon user activate <NICK>

    For more information, try '--help'.
    $ ostrakon runs show
    error: the following required arguments were not provided:
      <RUN>

    Usage: ostrakon runs show <RUN>

    For more information, try '--help'.
    "#);
    // Without a subcommand, the whole help.
    for line in ["", "user", "runs", "config"] {
        let done = ostrakon.run(&words(line))?;
        assert_eq!(done.code, 2, "{line}: {done:?}");
        assert!(done.stderr.contains("Usage: ostrakon"), "{line}: {done:?}");
    }
    Ok(())
}

#[test]
fn hyphens_stand_for_underscores() -> Result<()> {
    let ostrakon = Ostrakon::nowhere();
    for command in ["delete-activities alice", "deactivate-all-from-instance spam.example"] {
        let done = ostrakon.run(&words(&format!("user {command}")))?;
        // The command was understood: only the database is missing.
        assert!(done.stderr.contains("no database is given"), "{command}: {done:?}");
    }
    Ok(())
}

/// The commands that list and control runs were called `jobs` in trials, and many operators
/// remember that name.
#[test]
fn jobs_is_another_word_for_runs() -> Result<()> {
    let help = |word: &str| Ostrakon::nowhere().run(&[word, "--help"]);
    let (runs, jobs) = (help("runs")?, help("jobs")?);
    assert_eq!((jobs.code, jobs.stdout.as_str()), (0, runs.stdout.as_str()));
    assert!(runs.stdout.contains("ostrakon runs"), "{runs:?}");
    assert!(!Ostrakon::nowhere().run(&["--help"])?.stdout.contains("\n  jobs"), "hidden");
    Ok(())
}

#[test]
fn the_version_is_reported() -> Result<()> {
    let expected = format!("ostrakon {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-V"] {
        let done = Ostrakon::nowhere().run(&[flag])?;
        assert_eq!((done.stdout.as_str(), done.code), (expected.as_str(), 0));
    }
    Ok(())
}

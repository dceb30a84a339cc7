//! Grammar: what can be typed, and what is said when something else was.

use std::fmt::Write as _;

use anyhow::Result;

use crate::program::Kenoma;

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn what_is_no_command_is_refused_with_a_hint() -> Result<()> {
    let kenoma = Kenoma::nowhere();
    let mut told = String::new();
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
        "jobs show",
    ] {
        let done = kenoma.run(&words(line))?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{line}: {done:?}");
        write!(told, "$ kenoma {line}\n{}", done.stderr)?;
    }
    insta::assert_snapshot!(told, @r#"
    $ kenoma usr
    error: kenoma knows no command "usr"
    Did you mean:
      kenoma user
    All commands: kenoma --help
    $ kenoma user delete_activitys alice
    error: kenoma user knows no command "delete_activitys"
    Did you mean:
      kenoma user delete_activities
    All commands: kenoma user --help
    $ kenoma user delete_activities
    error: the following required arguments were not provided:
      <NICK>

    Usage: kenoma user delete_activities <NICK>

    For more information, try '--help'.
    $ kenoma user delete_activities alice bob
    error: unexpected argument 'bob' found

    Usage: kenoma user delete_activities [OPTIONS] <NICK>

    For more information, try '--help'.
    $ kenoma user delete_activities alice --dryrun
    error: unexpected argument '--dryrun' found

      tip: a similar argument exists: '--dry-run'

    Usage: kenoma user delete_activities --dry-run <NICK>

    For more information, try '--help'.
    $ kenoma user delete_activities alice --inline --wait
    error: the argument '--inline' cannot be used with '--wait'

    Usage: kenoma user delete_activities --inline <NICK>

    For more information, try '--help'.
    $ kenoma user activate alice --wait-timeout 5m
    error: the following required arguments were not provided:
      <--wait|--inline>

    Usage: kenoma user activate --wait-timeout <DURATION> <--wait|--inline> <NICK>

    For more information, try '--help'.
    $ kenoma user activate alice --wait --wait-timeout soon
    error: invalid value 'soon' for '--wait-timeout <DURATION>': expected number at 0

    For more information, try '--help'.
    $ kenoma user activate alice --remote
    error: unexpected argument '--remote' found

      tip: to pass '--remote' as a value, use '-- --remote'

    Usage: kenoma user activate <NICK>

    For more information, try '--help'.
    $ kenoma jobs show
    error: the following required arguments were not provided:
      <RUN>

    Usage: kenoma jobs show <RUN>

    For more information, try '--help'.
    "#);
    // Nothing typed: the whole of what there is.
    for line in ["", "user", "jobs", "config"] {
        let done = kenoma.run(&words(line))?;
        assert_eq!(done.code, 2, "{line}: {done:?}");
        assert!(done.stderr.contains("Usage: kenoma"), "{line}: {done:?}");
    }
    Ok(())
}

#[test]
fn hyphens_stand_for_underscores() -> Result<()> {
    let kenoma = Kenoma::nowhere();
    for command in ["delete-activities alice", "deactivate-all-from-instance spam.example"] {
        let done = kenoma.run(&words(&format!("user {command}")))?;
        // It was understood: what is missing is the database.
        assert!(done.stderr.contains("no database is given"), "{command}: {done:?}");
    }
    Ok(())
}

#[test]
fn the_version_is_told() -> Result<()> {
    let expected = format!("kenoma {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-V"] {
        let done = Kenoma::nowhere().run(&[flag])?;
        assert_eq!((done.stdout.as_str(), done.code), (expected.as_str(), 0));
    }
    Ok(())
}

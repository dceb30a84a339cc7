//! Commands that do not exist.

use anyhow::Result;
use testkit::Ostrakon;

#[test]
fn words_of_other_programs_are_understood() -> Result<()> {
    let ostrakon = Ostrakon::nowhere();
    let tip = |line: &str| -> Result<String> {
        let done = ostrakon.run(&line.split_whitespace().collect::<Vec<_>>())?;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{line}: {done:?}");
        assert!(done.stderr.contains("has no command"), "{line}: {done:?}");
        Ok(done.stderr)
    };
    for word in ["delete", "remove", "purge", "DELETE", "delete-user"] {
        let reported = tip(&format!("user {word} mallory --yes"))?;
        assert!(reported.contains("ostrakon user rm NICK "), "{reported}");
        assert!(!reported.contains("delete_activities"), "{reported}");
    }
    for word in ["ban", "suspend", "block", "inactivate"] {
        let reported = tip(&format!("user {word} mallory"))?;
        assert!(reported.contains("ostrakon user deactivate NICK "), "{reported}");
        assert!(!reported.contains("user rm"), "{reported}");
    }
    assert!(tip("user silence mallory")?.contains("mrf_tag:force-unlisted"));
    assert!(tip("user reactivate mallory")?.contains("ostrakon user activate NICK "));
    assert!(tip("--json user delete_posts mallory")?.contains("delete_activities NICK "));
    assert!(tip("ban mallory")?.contains("ostrakon user deactivate NICK "));
    assert!(tip("user deactivat mallory")?.contains("  ostrakon user deactivate\n"));
    assert!(tip("repair counter")?.contains("  ostrakon repair counters\n"));
    assert!(tip("jobs kill 7")?.contains("ostrakon runs cancel RUN"));
    for line in
        ["user refetch_public_keys", "user refetch-public-keys https://far.example/users/bob"]
    {
        let reported = tip(line)?;
        assert!(reported.contains("does not contact other servers"), "{reported}");
        assert!(!reported.contains("Did you mean"), "{reported}");
    }
    for line in ["user xyzzy", "user rn mallory", "frobnicate"] {
        assert!(!tip(line)?.contains("Did you mean"), "{line}");
    }
    Ok(())
}

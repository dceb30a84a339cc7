//! Messages for invalid settings.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};

use super::{super::*, Machine};

#[test]
fn a_named_file_that_is_missing() {
    let machine = Machine::new();
    let config = Some(machine.folder.path().join("typo.toml"));
    let machine = machine.flags(Overrides { config, ..Overrides::default() });
    insta::assert_snapshot!(machine.error(), @"
    cannot read the config file DIR/typo.toml (named by --config): No such file or directory (os error 2)
    Name a file that exists and that this user may read.
    ");
}

#[test]
fn a_named_file_that_cannot_be_read() {
    // A folder, because tests may run as root, who can read a file of any mode.
    let machine = Machine::new();
    let folder = machine.folder.path().to_owned();
    insta::assert_snapshot!(machine.variable("OSTRAKON_CONFIG", folder).error(), @"
    cannot read the config file DIR (named by OSTRAKON_CONFIG): Is a directory (os error 21)
    Name a file that exists and that this user may read.
    ");
}

#[test]
fn a_file_that_everybody_may_write() {
    let machine = Machine::new().file_with_mode("", 0o646);
    insta::assert_snapshot!(machine.error(), @"
    refusing the config file DIR/ostrakon.toml: every user of this machine may write to it (mode 0646)
    Look through it, then run: chmod o-w DIR/ostrakon.toml
    ");
}

#[test]
fn the_null_device_is_an_empty_file() {
    let config = Some("/dev/null".into());
    Machine::new().flags(Overrides { config, ..Overrides::default() }).loaded();
}

#[test]
fn a_password_that_everybody_may_read() {
    let with_password = "[database]\nurl = \"postgres://u:hunter2@h/db\"";
    let machine = Machine::new().file_with_mode(with_password, 0o644);
    insta::assert_snapshot!(machine.redacted(&machine.loaded().warnings.join("\n")), @"the config file DIR/ostrakon.toml holds a password and every user of this machine may read it (mode 0644); run: chmod o-r DIR/ostrakon.toml");
    let closed = Machine::new().file_with_mode(with_password, 0o640);
    assert_eq!(closed.loaded().warnings, Vec::<String>::new());
    let harmless = Machine::new().file_with_mode("[redis]\nprefix = \"a\"", 0o644);
    assert_eq!(harmless.loaded().warnings, Vec::<String>::new());
}

#[test]
fn a_file_that_somebody_else_may_write() -> std::io::Result<()> {
    let machine = Machine::new().file_with_mode("", 0o660);
    insta::assert_snapshot!(machine.redacted(&machine.loaded().warnings.join("\n")), @"the group of the config file DIR/ostrakon.toml may write to it (mode 0660); run: chmod g-w DIR/ostrakon.toml");
    // Only root can change the owner of a file.
    let path = machine.folder.path().join("ostrakon.toml");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640))?;
    if std::os::unix::fs::chown(&path, Some(12345), None).is_ok() {
        insta::assert_snapshot!(machine.redacted(&machine.loaded().warnings.join("\n")), @"the config file DIR/ostrakon.toml belongs to another user (uid 12345), who may write to it; run: chown root DIR/ostrakon.toml");
    }
    Ok(())
}

#[test]
fn a_file_that_is_far_too_long() {
    let machine = Machine::new().file(&"# x\n".repeat(300_000));
    assert!(machine.error().contains("larger than 1 MiB"), "{}", machine.error());
}

#[test]
fn a_file_that_is_no_toml_and_holds_a_password() {
    let machine = Machine::new().file("[database]\nurl = postgres://u:hunter2@h/db\n");
    insta::assert_snapshot!(machine.error(), @r#"file DIR/ostrakon.toml: line 2, column 7 is not TOML: invalid string, expected `"`, `'`"#);
}

#[test]
fn unknown_keys_and_sections() {
    let machine = Machine::new().file(
        "database_url = \"postgres://u:hunter2@h/db\"\nredis = \"redis://h\"\nanything = 1\n\
         [worker]\nconcurency = 3\nconnect_timeout = 20\nspeed = \"fast\"\n[batches]\nrows_max = 5\n[mail]\nto = \"a\"\n",
    );
    insta::assert_snapshot!(machine.error(), @"
    the settings cannot be used, and nothing was done:
      file DIR/ostrakon.toml: unknown key anything; there are: instance_url
      file DIR/ostrakon.toml: unknown section [batches]; did you mean [batch]?
      file DIR/ostrakon.toml: unknown key database_url; did you mean database.url?
      file DIR/ostrakon.toml: unknown section [mail]; there are: [database], [queue], [redis], [worker], [batch], [throttle], [server], [registration], [federation], [guard], [log]
      file DIR/ostrakon.toml: unknown key redis; it is a section: begin a line with [redis] and put its keys below
      file DIR/ostrakon.toml: unknown key worker.concurency; did you mean worker.concurrency?
      file DIR/ostrakon.toml: unknown key worker.connect_timeout; did you mean database.connect_timeout?
      file DIR/ostrakon.toml: unknown key worker.speed; there are: concurrency, short_concurrency, poll_interval, shutdown_timeout, lease, lease_renewal, reconcile_interval, progress_interval, max_attempts, max_crashes
    ");
}

#[test]
fn values_of_the_file_all_at_once() {
    let machine = Machine::new().file(
        "instance_url = \"social.example\"\n\
         [database]\nurl = \"mysql://u:hunter2@h/db\"\nconnect_timeout = 5\n\
         [redis]\nurl = \"localhost:6379\"\nprefix = \"my ostrakon\"\n\
         [worker]\nconcurrency = 0\nshort_concurrency = \"1\"\nlease = \"soon\"\npoll_interval = \"1ms\"\nmax_attempts = [1]\nmax_crashes = 1.5\n\
         [server]\nfederating = \"yes\"\nsearch = \"elastic\"\n\
         [log]\nlevel = \"inof\"\nformat = 2020-01-01\n",
    );
    insta::assert_snapshot!(machine.error(), @r#"
    the settings cannot be used, and nothing was done:
      file DIR/ostrakon.toml: instance_url = "social.example" is not accepted; give the public http or https URL without path or user, such as "https://social.example"
      file DIR/ostrakon.toml: database.url is not accepted: it is a URL of something else; it looks like postgres://USER:PASSWORD@HOST:PORT/NAME, postgres://USER@/NAME?host=/run/postgresql or "host=HOST user=USER dbname=NAME"
      file DIR/ostrakon.toml: database.connect_timeout = 5 is not accepted; give a duration from 100ms to 5m, such as "200ms", "15s" or "5m"
      file DIR/ostrakon.toml: redis.url is not accepted: it is no URL that begins with one of redis://, rediss://, valkey://, valkeys://, unix://, redis+unix://, valkey+unix://; it looks like redis://:PASSWORD@HOST:6379/0, rediss://HOST:6379/0 (TLS) or unix:///run/redis.sock; in a user, password or name write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, & as %26, = as %3D and % as %25
      file DIR/ostrakon.toml: redis.prefix = "my ostrakon" is not accepted; give 1 to 64 letters, digits, "_", "-", "." or ":"
      file DIR/ostrakon.toml: worker.concurrency = 0 is not accepted; give a whole number from 1 to 64
      file DIR/ostrakon.toml: worker.short_concurrency = "1" is not accepted; give a whole number from 1 to 64
      file DIR/ostrakon.toml: worker.poll_interval = "1ms" is not accepted; give a duration from 10ms to 1m, such as "200ms", "15s" or "5m"
      file DIR/ostrakon.toml: worker.lease = "soon" is not accepted; give a duration from 500ms to 10m, such as "200ms", "15s" or "5m"
      file DIR/ostrakon.toml: worker.max_attempts = a list is not accepted; give a whole number from 1 to 1000
      file DIR/ostrakon.toml: worker.max_crashes = 1.5 is not accepted; give a whole number from 1 to 100
      file DIR/ostrakon.toml: server.federating = "yes" is not accepted; give true or false (in the environment also 1, 0, yes, no)
      file DIR/ostrakon.toml: server.search = "elastic" is not accepted; give one of none, database, meilisearch, elasticsearch
      file DIR/ostrakon.toml: log.level = "inof" is not accepted; give one of off, error, warn, info, debug, trace, or a filter by target such as "info,sqlx=warn"
      file DIR/ostrakon.toml: log.format = a table is not accepted; give one of auto, text, json
    "#);
}

#[test]
fn nonsense_about_batches_and_throttling() {
    let machine = Machine::new()
        .file(
            "[batch]\nrows_initial = 0\ntarget = \"0s\"\n\
             [throttle]\nwindow = \"25:00-06:00\"\nlock_waiters = -1\nflag_file = \"throttle\"\nvacuum = 1\n",
        )
        .variable("OSTRAKON_THROTTLE_RELEASE_AFTER", "5");
    insta::assert_snapshot!(machine.error(), @r#"
    the settings cannot be used, and nothing was done:
      file DIR/ostrakon.toml: batch.rows_initial = 0 is not accepted; give a whole number from 1 to 10000
      file DIR/ostrakon.toml: batch.target = "0s" is not accepted; give a duration from 10ms to 5s, such as "200ms", "15s" or "5m"
      environment OSTRAKON_THROTTLE_RELEASE_AFTER: throttle.release_after = "5" is not accepted; give a duration from 0s to 1h, such as "200ms", "15s" or "5m"
      file DIR/ostrakon.toml: throttle.lock_waiters = -1 is not accepted; give a whole number from 0 to 10000
      file DIR/ostrakon.toml: throttle.vacuum = 1 is not accepted; give true or false (in the environment also 1, 0, yes, no)
      file DIR/ostrakon.toml: throttle.flag_file = "throttle" is not accepted; give a path that begins with "/"
      file DIR/ostrakon.toml: throttle.window = "25:00-06:00" is not accepted; give two different times of day, such as "01:00-06:00" or over midnight "22:30-05:00"
    "#);
}

#[test]
fn values_of_the_environment_and_the_command_line() {
    let not_utf8 = OsString::from_vec(vec![0xff]);
    let machine = Machine::new()
        .variable("OSTRAKON_WORKER_POLL_INTERVAL", "200")
        .variable("OSTRAKON_WORKER_MAX_ATTEMPTS", "many")
        .variable("OSTRAKON_SERVER_FEDERATING", "maybe")
        .variable("REDIS_URL", "http://:hunter2@h")
        .variable("OSTRAKON_REDIS_PREFIX", not_utf8)
        .flags(Overrides { worker_concurrency: Some(65), ..Overrides::default() });
    insta::assert_snapshot!(machine.error(), @r#"
    the settings cannot be used, and nothing was done:
      environment OSTRAKON_REDIS_PREFIX: redis.prefix = (not UTF-8) is not accepted; give 1 to 64 letters, digits, "_", "-", "." or ":"
      environment REDIS_URL: redis.url is not accepted: it is no URL that begins with one of redis://, rediss://, valkey://, valkeys://, unix://, redis+unix://, valkey+unix://; it looks like redis://:PASSWORD@HOST:6379/0, rediss://HOST:6379/0 (TLS) or unix:///run/redis.sock; in a user, password or name write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, & as %26, = as %3D and % as %25
      flag: worker.concurrency = 65 is not accepted; give a whole number from 1 to 64
      environment OSTRAKON_WORKER_POLL_INTERVAL: worker.poll_interval = "200" is not accepted; give a duration from 10ms to 1m, such as "200ms", "15s" or "5m"
      environment OSTRAKON_WORKER_MAX_ATTEMPTS: worker.max_attempts = "many" is not accepted; give a whole number from 1 to 1000
      environment OSTRAKON_SERVER_FEDERATING: server.federating = "maybe" is not accepted; give true or false (in the environment also 1, 0, yes, no)
    "#);
}

#[test]
fn values_that_do_not_go_together() {
    let machine = Machine::new()
        .file("[worker]\nlease = \"9s\"\n[batch]\nrows_max = 50")
        .variable("OSTRAKON_WORKER_LEASE_RENEWAL", "4501ms");
    insta::assert_snapshot!(machine.error(), @"
    the settings cannot be used, and nothing was done:
      worker.lease_renewal = 4501ms (environment OSTRAKON_WORKER_LEASE_RENEWAL) does not fit; give at most half of worker.lease = 9s (file DIR/ostrakon.toml)
      batch.rows_initial = 100 (default) does not fit; give at most as many as batch.rows_max = 50 (file DIR/ostrakon.toml)
    ");
    Machine::new().variable("OSTRAKON_WORKER_LEASE_RENEWAL", "7500ms").loaded();
}

#[test]
fn variables_that_mean_nothing() {
    let machine = Machine::new()
        .variable("OSTRAKON_WORKER_CONCURENCY", "3")
        .variable("OSTRAKON_COLOUR_OF_THE_SKY", "blue")
        .variable("OSTRAKON_TEST_DATABASE", "x")
        .variable("OSTRAKON_LOG_ANYTHING", "x")
        .variable("OSTRAKON_CONFIG", "")
        .variable("OSTRAKONTIC", "x")
        .variable("PATH", "x");
    insta::assert_snapshot!(machine.loaded().warnings.join("\n"), @"
    the environment variable OSTRAKON_COLOUR_OF_THE_SKY is not a setting and was ignored
    the environment variable OSTRAKON_WORKER_CONCURENCY is not a setting and was ignored; did you mean OSTRAKON_WORKER_CONCURRENCY?
    ");
}

#[test]
fn no_database() {
    let settings = Machine::new().loaded().settings;
    let error = settings.database.url().map(ToString::to_string).map_err(|error| error.to_string());
    insta::assert_snapshot!(error.unwrap_or_else(|error| error), @r#"
    no database is given
    Set `url` under [database] in the config file, or the environment variable OSTRAKON_DATABASE_URL or DATABASE_URL, to a URL such as "postgres://ostrakon@localhost/pleroma".
    "#);
}

#[test]
fn a_site_is_a_web_address_and_nothing_more() {
    let given = |url: &str| Machine::new().variable("OSTRAKON_INSTANCE_URL", url).load().is_ok();
    for url in ["https://social.example", "http://localhost:4000/", "https://bücher.example"] {
        assert!(given(url), "{url}");
    }
    for url in
        ["ftp://h", "https://", "https://h/about", "https://u@h", "https://h?x", "https://h#x"]
    {
        assert!(!given(url), "{url}");
    }
}

#[test]
fn a_connection_url_has_a_known_scheme_and_a_place() {
    let given = |variable: &str, url: &str| Machine::new().variable(variable, url).load().is_ok();
    for url in [
        "postgres://u:p@h:1/d",
        "postgresql:///d?host=/run/postgresql",
        "postgres://%2Frun/d",
        "host=h dbname=d",
    ] {
        assert!(given("OSTRAKON_DATABASE_URL", url), "{url}");
    }
    for url in ["postgres:d", "mysql://h/d", "host=h dbnam=d"] {
        assert!(!given("OSTRAKON_DATABASE_URL", url), "{url}");
    }
    for url in ["redis://h", "rediss://:p@h:1/2", "unix:///run/redis.sock", "valkey://[::1]"] {
        assert!(given("OSTRAKON_REDIS_URL", url), "{url}");
    }
    for url in [
        "redis:h",
        "redis:///0",
        "h:6379",
        "redis://h/first",
        "redis://h/0?db=1",
        "rediss://h/#insecure",
    ] {
        assert!(!given("OSTRAKON_REDIS_URL", url), "{url}");
    }
}

#[test]
fn a_key_that_lost_its_section_is_recognised() {
    let machine = Machine::new().file("connect_timeout = 20");
    insta::assert_snapshot!(machine.error(), @"
    the settings cannot be used, and nothing was done:
      file DIR/ostrakon.toml: unknown key connect_timeout; did you mean database.connect_timeout?
    ");
}

#[test]
fn deliveries_are_never_all_held_back_nor_without_bound() {
    let machine = Machine::new()
        .file("[federation]\nper_second = 0\nmax_waiting = 99\n")
        .variable("OSTRAKON_FEDERATION_PER_SECOND", "1000001");
    insta::assert_snapshot!(machine.error(), @"
    the settings cannot be used, and nothing was done:
      environment OSTRAKON_FEDERATION_PER_SECOND: federation.per_second = 1000001 is not accepted; give a whole number from 1 to 1000000
      file DIR/ostrakon.toml: federation.max_waiting = 99 is not accepted; give a whole number from 100 to 10000000
    ");
    let per_second = |value: &str| {
        Machine::new().variable("OSTRAKON_FEDERATION_PER_SECOND", value).load().is_ok()
    };
    assert!(per_second("1") && per_second("1000000"));
    assert!(["0", "-1", "0.5", "20/s", "twenty"].into_iter().all(|value| !per_second(value)));
    let max_waiting = |value: &str| {
        Machine::new().variable("OSTRAKON_FEDERATION_MAX_WAITING", value).load().is_ok()
    };
    assert!(max_waiting("100") && max_waiting("10000000"));
    assert!(["0", "10000001", "all"].into_iter().all(|value| !max_waiting(value)));
}

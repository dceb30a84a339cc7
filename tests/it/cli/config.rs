//! `config show`, and config files that cannot be used.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use super::redacted;
use testkit::{Done, Ostrakon};

/// A config file that is deleted together with the guard.
fn file(text: &str, mode: u32) -> Result<(TempDir, PathBuf)> {
    let folder = TempDir::new()?;
    let path = folder.path().join("ostrakon.toml");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    Ok((folder, path))
}

fn show(ostrakon: &Ostrakon, path: &std::path::Path, more: &[&str]) -> Result<Done> {
    let path = path.display().to_string();
    let words = ["config", "show", "--config", &path];
    ostrakon.run(&words.into_iter().chain(more.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn every_value_is_shown_with_its_origin_and_without_passwords() -> Result<()> {
    let _redacted = redacted();
    let text =
        "[database]\nurl = \"postgres://ostrakon:hunter2@db/pleroma\"\n[worker]\nlease = \"20s\"\n";
    let (_folder, path) = file(text, 0o640)?;
    let ostrakon = Ostrakon::nowhere()
        .with("OSTRAKON_REDIS_URL", "redis://:hunter2@redis/0")
        .with("OSTRAKON_SERVER_FEDERATING", "false");
    let flags = ["--instance-url", "https://social.example"];
    let done = show(&ostrakon, &path, &flags)?;
    assert!(!format!("{done:?}").contains("hunter2"));
    insta::assert_snapshot!(done.transcript(), @"
    out| KEY                                       VALUE                               FROM
    out| instance_url                              https://social.example              flag
    out| database.url                              postgres://ostrakon:***@db/pleroma  file <folder>/ostrakon.toml
    out| database.connect_timeout                  5s                                  default
    out| queue.backend                             auto                                default
    out| redis.url                                 redis://:***@redis/0                environment OSTRAKON_REDIS_URL
    out| redis.prefix                              ostrakon                            default
    out| redis.ca_file                             -                                   default
    out| redis.cert_file                           -                                   default
    out| redis.key_file                            -                                   default
    out| worker.concurrency                        2                                   default
    out| worker.short_concurrency                  1                                   default
    out| worker.poll_interval                      200ms                               default
    out| worker.shutdown_timeout                   30s                                 default
    out| worker.lease                              20s                                 file <folder>/ostrakon.toml
    out| worker.lease_renewal                      5s                                  default
    out| worker.reconcile_interval                 3s                                  default
    out| worker.progress_interval                  10s                                 default
    out| worker.max_attempts                       10                                  default
    out| worker.max_crashes                        3                                   default
    out| batch.rows_initial                        100                                 default
    out| batch.rows_max                            5000                                default
    out| batch.rows_busy                           200                                 default
    out| batch.percent_busy                        15                                  default
    out| batch.target                              200ms                               default
    out| batch.lock_timeout                        2s                                  default
    out| batch.statement_timeout                   10s                                 default
    out| batch.late_writes                         0s                                  environment OSTRAKON_BATCH_LATE_WRITES
    out| throttle.interval                         200ms                               default
    out| throttle.release_after                    5s                                  default
    out| throttle.replica_lag_mib                  64                                  default
    out| throttle.lock_waiters                     10                                  default
    out| throttle.queue_delay                      1m                                  default
    out| throttle.wal_segments                     32                                  default
    out| throttle.vacuum                           false                               default
    out| throttle.active_backends                  40                                  default
    out| throttle.disk_free_mib                    1024                                default
    out| throttle.disk_path                        -                                   default
    out| throttle.flag_file                        /run/ostrakon/throttle              default
    out| throttle.window                           -                                   default
    out| server.federating                         false                               environment OSTRAKON_SERVER_FEDERATING
    out| server.cleanup_attachments                -                                   default
    out| server.cleanup_attachments_delay          -                                   default
    out| server.search                             -                                   default
    out| server.external_user_synchronization      -                                   default
    out| server.refresh                            -                                   default
    out| server.name                               -                                   default
    out| server.notify_email                       -                                   default
    out| server.publish_wait                       5m                                  default
    out| server.accept_unknown                     -                                   default
    out| registration.account_activation_required  false                               default
    out| registration.account_approval_required    false                               default
    out| registration.autofollowed_nicknames       []                                  default
    out| registration.autofollowing_nicknames      []                                  default
    out| registration.extended_nickname_format     true                                default
    out| registration.restricted_nicknames         -                                   default
    out| registration.email_blacklist              []                                  default
    out| registration.user_name_length             100                                 default
    out| registration.user_bio_length              5000                                default
    out| federation.fanout                         server                              default
    out| federation.quarantined_instances          []                                  default
    out| federation.rejected_instances             []                                  default
    out| federation.accepted_instances             []                                  default
    out| federation.reachability_timeout           7days                               default
    out| federation.per_second                     20                                  default
    out| federation.max_waiting                    20000                               default
    out| guard.typed_above                         100                                 default
    out| guard.max_share_percent                   20                                  default
    out| guard.followed_above                      10                                  default
    out| log.level                                 info                                default
    out| log.format                                auto                                default
    out| Connections to PostgreSQL: at most 6 for a worker, 7 for a command.
    err| The server was not recognised: PostgreSQL at db:5432 is not reachable (failed to lookup address information: Name or service not known); is it running, and is database.url right?
    err| Nothing was changed.
    exit 0
    ");

    let done = show(&ostrakon, &path, &["--json"])?;
    assert!(!format!("{done:?}").contains("hunter2"));
    let entries: Vec<serde_json::Value> =
        done.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of = |key: &str| entries.iter().find(|entry| entry["key"] == key).cloned();
    let expected = serde_json::json!({
        "key": "redis.url", "value": "redis://:***@redis/0",
        "origin": "environment OSTRAKON_REDIS_URL",
    });
    assert_eq!(of("redis.url"), Some(expected));
    Ok(())
}

#[test]
fn a_file_that_cannot_be_trusted_or_read_stops_every_command() -> Result<()> {
    let _redacted = redacted();
    let (folder, path) = file("[worker]\n", 0o666)?;
    let ostrakon = Ostrakon::nowhere();
    let mut reported = String::new();
    reported += &show(&ostrakon, &path, &[])?.transcript();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    for text in [
        "[worker]\nconcurency = 3\n",
        "[redis]\nurl = \"redis://:hunter2@redis/0\nprefix = 1\n",
        "[batch]\nrows_max = 0\ntarget = \"150\"\n",
    ] {
        fs::write(&path, text)?;
        reported += &show(&ostrakon, &path, &[])?.transcript();
    }
    // A folder cannot be read as a file, not even by root.
    let unreadable = folder.path().join("folder.toml");
    fs::create_dir(&unreadable)?;
    let missing = folder.path().join("missing.toml");
    for path in [&unreadable, &missing] {
        reported += &show(&ostrakon, path, &[])?.transcript();
        let done = ostrakon
            .clone()
            .with("OSTRAKON_CONFIG", path.display().to_string())
            .run(&["user", "activate", "alice"])?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{done:?}");
        assert!(done.stderr.contains("named by OSTRAKON_CONFIG"), "{done:?}");
    }
    assert!(!reported.contains("hunter2"));
    insta::assert_snapshot!(reported, @r#"
    err| error: refusing the config file <folder>/ostrakon.toml: every user of this machine may write to it (mode 0666)
    err| Look through it, then run: chmod o-w <folder>/ostrakon.toml
    exit 2
    err| error: the settings cannot be used, and nothing was done:
    err|   file <folder>/ostrakon.toml: unknown key worker.concurency; did you mean worker.concurrency?
    exit 2
    err| error: file <folder>/ostrakon.toml: line 2, column 32 is not TOML: invalid basic string
    exit 2
    err| error: the settings cannot be used, and nothing was done:
    err|   file <folder>/ostrakon.toml: batch.rows_max = 0 is not accepted; give a whole number from 1 to 10000
    err|   file <folder>/ostrakon.toml: batch.target = "150" is not accepted; give a duration from 10ms to 5s, such as "200ms", "15s" or "5m"
    exit 2
    err| error: cannot read the config file <folder>/folder.toml (named by --config): Is a directory (os error 21)
    err| Name a file that exists and that this user may read.
    exit 2
    err| error: cannot read the config file <folder>/missing.toml (named by --config): No such file or directory (os error 2)
    err| Name a file that exists and that this user may read.
    exit 2
    "#);
    Ok(())
}

#[test]
fn a_misspelt_variable_is_reported() -> Result<()> {
    let ostrakon = Ostrakon::nowhere().with("OSTRAKON_WORKER_CONCURENCY", "3");
    let done = ostrakon.run(&["config", "show"])?;
    assert_eq!(
        (done.stderr.as_str(), done.code),
        (
            "warning: the environment variable OSTRAKON_WORKER_CONCURENCY is not a setting and \
             was ignored; did you mean OSTRAKON_WORKER_CONCURRENCY?\n",
            0
        )
    );
    let done =
        Ostrakon::nowhere().with("OSTRAKON_WORKER_CONCURRENCY", "lots").run(&["config", "show"])?;
    insta::assert_snapshot!(done.transcript(), @r#"
    err| error: the settings cannot be used, and nothing was done:
    err|   environment OSTRAKON_WORKER_CONCURRENCY: worker.concurrency = "lots" is not accepted; give a whole number from 1 to 64
    exit 2
    "#);
    Ok(())
}

#[test]
fn a_url_that_cannot_be_used_stops_a_command_and_is_not_reported() -> Result<()> {
    for (variable, url) in [
        ("OSTRAKON_DATABASE_URL", "postgres://pleroma:Tr0ub@dor-Secret/1@127.0.0.1/x"),
        ("OSTRAKON_DATABASE_URL", "postgres://pleroma@127.0.0.1/x?sslmod=Tr0ub"),
        ("OSTRAKON_REDIS_URL", "redis://:Tr0ub/dor-Secret@127.0.0.1"),
        ("OSTRAKON_REDIS_URL", "redis://127.0.0.1/Secret"),
        ("OSTRAKON_REDIS_URL", "dor-Secret"),
    ] {
        let ostrakon = Ostrakon::at("postgres://nobody@127.0.0.1:1/none").with(variable, url);
        for line in [&["runs", "list"][..], &["user", "delete_activities", "alice", "--yes"]] {
            let done = ostrakon.run(line)?;
            assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{url}: {done:?}");
            let key = if variable.contains("REDIS") { "redis.url" } else { "database.url" };
            assert!(done.stderr.contains(key), "{done:?}");
            for part in ["Tr0u", "dor-", "Secr"] {
                assert!(!done.stderr.contains(part), "{part} in {done:?}");
            }
        }
    }
    Ok(())
}

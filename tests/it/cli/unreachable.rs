//! Redis or PostgreSQL that does not answer, or refuses the login.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use anyhow::Result;
use testkit::{Database, Done, Flavour, Ostrakon};

use super::redacted;
use crate::fixture::{Fixture, NOWHERE};

/// Must never be shown.
const SECRET: &str = "hunter2";

/// Starts a server on a free port that answers each connection with `answer`. It ends with the
/// process. Returns its `host:port`.
fn server(answer: fn(TcpStream) -> std::io::Result<()>) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    Ok(address)
}

/// A Redis that demands another password.
fn refuse_as_redis(mut stream: TcpStream) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let read = stream.read(&mut bytes)?;
        if read == 0 {
            return Ok(());
        }
        // Each command is an array, and several commands arrive together.
        for _command in bytes[..read].iter().filter(|byte| **byte == b'*') {
            stream
                .write_all(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")?;
        }
    }
}

/// A PostgreSQL that demands another password.
fn refuse_as_postgres(mut stream: TcpStream) -> std::io::Result<()> {
    let read = stream.read(&mut [0; 4096])?;
    if read == 8 {
        // The client asked for TLS.
        stream.write_all(b"N")?;
        let _ = stream.read(&mut [0; 4096])?;
    }
    let fields =
        b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"ostrakon\"\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap_or_default();
    stream.write_all(&[b"E".as_slice(), &length.to_be_bytes(), fields].concat())
}

/// A server that accepts connections and never answers.
fn stay_silent(mut stream: TcpStream) -> std::io::Result<()> {
    while stream.read(&mut [0; 4096])? > 0 {}
    Ok(())
}

fn assert_polite(done: &Done) {
    for text in [&done.stdout, &done.stderr] {
        for word in ["panicked", "backtrace", "stack", SECRET, "0x"] {
            assert!(!text.contains(word), "{word} in {done:?}");
        }
    }
}

#[tokio::test]
async fn without_redis_a_run_waits_in_the_ledger() -> Result<()> {
    let _redacted = redacted();
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    let before = fixture.rows().await?.0;
    let done = fixture.run("user delete_activities alice --yes")?;
    insta::assert_snapshot!(done.transcript(), @"
    out| Queued delete_activities alice as run <run>.
    err| Follow it with: ostrakon runs watch <run>
    err| warning: Redis at 127.0.0.1:1 is not reachable (Connection refused (os error 111)); is it running, and is redis.url right?
    err| The run is safe in the ledger: a worker will pick it up when Redis is back.
    err| warning: NOTHING IS DONE YET, no worker is running: start one with `ostrakon worker`, or repeat the same command with --inline
    exit 0
    ");
    let (after, ledger) = fixture.rows().await?;
    assert!(before == after);
    assert_eq!((&ledger[0]["status"], &ledger[0]["notified_at"]), (&"queued".into(), &().into()));
    Ok(())
}

#[tokio::test]
async fn whoever_wants_redis_is_informed_before_anything_is_written() -> Result<()> {
    let _redacted = redacted();
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    let line = "user delete_activities alice --yes --require-redis";
    insta::assert_snapshot!(fixture.refused(line).await?.transcript(), @"
    err| error: Redis at 127.0.0.1:1 is not reachable (Connection refused (os error 111)); is it running, and is redis.url right?
    err| Nothing was queued.
    exit 8
    ");

    let url = format!("redis://:{SECRET}@{}/0", server(refuse_as_redis)?);
    let fixture =
        Fixture { ostrakon: fixture.ostrakon.clone().with("OSTRAKON_REDIS_URL", url), ..fixture };
    let done = fixture.refused(line).await?;
    assert_polite(&done);
    insta::assert_snapshot!(done.transcript(), @"
    err| error: Redis at <address> refused the login (Password authentication failed - AuthenticationFailed); check the user and password in redis.url
    err| Nothing was queued.
    exit 8
    ");
    // There is nothing to do, so Redis does not matter.
    let done = fixture.refused("user activate alice --require-redis").await?;
    assert_eq!((done.stdout.as_str(), done.code), ("User alice already activated\n", 0));
    Ok(())
}

#[tokio::test]
async fn with_redis_and_no_worker_one_is_missed() -> Result<()> {
    let _redacted = redacted();
    let fixture = Fixture::new(Flavour::Pleroma).await?.with_redis()?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    let done = fixture.run("user delete_activities alice --yes --require-redis")?;
    insta::assert_snapshot!(done.transcript(), @"
    out| Queued delete_activities alice as run <run>.
    err| Follow it with: ostrakon runs watch <run>
    err| warning: NOTHING IS DONE YET, no worker is running: start one with `ostrakon worker`, or repeat the same command with --inline
    exit 0
    ");
    assert!(fixture.ledger().await?[0]["notified_at"].is_string());
    Ok(())
}

#[tokio::test]
async fn postgresql_that_cannot_be_reached_ends_every_command_alike() -> Result<()> {
    let _redacted = redacted();
    let nowhere = Ostrakon::nowhere()
        .with("OSTRAKON_DATABASE_URL", format!("postgres://ostrakon:{SECRET}@{NOWHERE}/pleroma"));
    let mut reported = Vec::new();
    for line in [
        "user delete_activities alice --yes --inline",
        "user deactivate alice --json",
        "user deactivate_all_from_instance spam.example --dry-run",
        "runs list",
        "migrate",
        "worker",
    ] {
        let done = nowhere.run(&line.split(' ').collect::<Vec<_>>())?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 8), "{line}: {done:?}");
        assert_polite(&done);
        reported.push(done.stderr);
    }
    reported.dedup();
    insta::assert_snapshot!(reported.join("\n---\n"), @"
    error: PostgreSQL at 127.0.0.1:1 is not reachable (Connection refused (os error 111)); is it running, and is database.url right?
    Nothing was changed.
    ");
    Ok(())
}

#[tokio::test]
async fn what_postgresql_objects_to_is_named() -> Result<()> {
    let _redacted = redacted();
    let database = Database::create(Flavour::Pleroma).await?;
    let url = database.url();
    let name = url.rsplit('/').next().unwrap_or_default();
    let mut reported = String::new();
    for url in [
        format!("postgres://ostrakon:{SECRET}@{}/pleroma", server(refuse_as_postgres)?),
        format!("postgres://ostrakon:{SECRET}@{}/pleroma", server(stay_silent)?),
        url.replace(name, "no_such_database"),
        url.replace("postgres@", &format!("stranger:{SECRET}@")),
        format!("postgres:///pleroma?host=/nowhere&password={SECRET}"),
        format!("postgres://ostrakon:{SECRET}@host.invalid/pleroma"),
    ] {
        let ostrakon = Ostrakon::nowhere()
            .with("OSTRAKON_DATABASE_URL", url)
            .with("OSTRAKON_DATABASE_CONNECT_TIMEOUT", "500ms");
        let done = ostrakon.run(&["runs", "list"])?;
        assert_polite(&done);
        reported += &done.transcript();
    }
    insta::assert_snapshot!(reported, @r#"
    err| error: PostgreSQL at <address> refused the login (password authentication failed for user "ostrakon"); check the user and password in database.url
    err| Nothing was changed.
    exit 8
    err| error: PostgreSQL at <address> did not answer within 500ms; is it running, and is database.url right?
    err| Nothing was changed.
    exit 8
    err| error: PostgreSQL at <address> refused the login (database "no_such_database" does not exist); check the name of the database in database.url
    err| Nothing was changed.
    exit 8
    err| error: PostgreSQL at <address> refused the login (role "stranger" does not exist); check the user and password in database.url
    err| Nothing was changed.
    exit 8
    err| error: PostgreSQL at /nowhere is not reachable (No such file or directory (os error 2)); is it running, and is database.url right?
    err| Nothing was changed.
    exit 8
    err| error: PostgreSQL at host.invalid:5432 is not reachable (failed to lookup address information: Name or service not known); is it running, and is database.url right?
    err| Nothing was changed.
    exit 8
    "#);
    Ok(())
}

#[test]
fn a_database_must_be_named_and_its_name_be_readable() -> Result<()> {
    let _redacted = redacted();
    let mut reported = String::new();
    let unset = Ostrakon::nowhere();
    for ostrakon in [
        unset.clone(),
        unset.clone().with("OSTRAKON_DATABASE_URL", ""),
        unset
            .clone()
            .with("OSTRAKON_DATABASE_URL", format!("mysql://ostrakon:{SECRET}@db/pleroma")),
        unset.clone().with("OSTRAKON_DATABASE_URL", format!("ostrakon:{SECRET}@db/pleroma")),
        unset.clone().with("DATABASE_URL", format!("postgres://u:{SECRET}@db:port/pleroma")),
        unset.with("DATABASE_URL", format!("postgres://u:{SECRET}@db/pleroma?sslmode=perhaps")),
    ] {
        let done = ostrakon.run(&["user", "activate", "alice"])?;
        assert_polite(&done);
        reported += &done.transcript();
    }
    insta::assert_snapshot!(reported, @r#"
    err| error: no database is given
    err| Set `url` under [database] in the config file, or the environment variable OSTRAKON_DATABASE_URL or DATABASE_URL, to a URL such as "postgres://ostrakon@localhost/pleroma".
    exit 2
    err| error: no database is given
    err| Set `url` under [database] in the config file, or the environment variable OSTRAKON_DATABASE_URL or DATABASE_URL, to a URL such as "postgres://ostrakon@localhost/pleroma".
    exit 2
    err| error: the settings cannot be used, and nothing was done:
    err|   environment OSTRAKON_DATABASE_URL: database.url is not accepted: it is a URL of something else; it looks like postgres://USER:PASSWORD@HOST:PORT/NAME, postgres://USER@/NAME?host=/run/postgresql or "host=HOST user=USER dbname=NAME"
    exit 2
    err| error: the settings cannot be used, and nothing was done:
    err|   environment OSTRAKON_DATABASE_URL: database.url is not accepted: a parameter has no value; it looks like postgres://USER:PASSWORD@HOST:PORT/NAME, postgres://USER@/NAME?host=/run/postgresql or "host=HOST user=USER dbname=NAME"; in a user, password or name write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, & as %26, = as %3D and % as %25
    exit 2
    err| error: the settings cannot be used, and nothing was done:
    err|   environment DATABASE_URL: database.url is not accepted: port must be a number from 1 to 65535; if it is part of a password, in a user, password or name write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, & as %26, = as %3D and % as %25
    exit 2
    err| error: the settings cannot be used, and nothing was done:
    err|   environment DATABASE_URL: database.url is not accepted: sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full
    exit 2
    "#);
    Ok(())
}

//! Passwords: how they are passed, how they are stored, and that they do not leak.

use std::{
    ffi::{OsStr, OsString},
    io::Write as _,
    os::unix::ffi::OsStringExt as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use testkit::Flavour;

use super::{FLAVOURS, Fixture};

const PASSWORD: &str = "Größe\u{301}, \"$(id)\" & 鍵";

/// Creates an account with the password from standard input; returns its hash.
async fn hash_of(fixture: &Fixture, nickname: &str, options: &[&str]) -> Result<String> {
    let email = format!("{nickname}@peer.example");
    let mut words = vec!["user", "new", nickname, email.as_str(), "-y", "--password-stdin"];
    words.extend(options);
    let done = fixture.ostrakon.run_with_input(&words, &format!("{PASSWORD}\nsecond line\n"))?;
    ensure!(done.code == 0, "{done:?}");
    Ok(sqlx::query_scalar("select password_hash from users where nickname = $1::citext")
        .bind(nickname)
        .fetch_one(&fixture.database.pool())
        .await?)
}

/// Lets another program read a text; returns what it prints.
fn asked(program: &str, words: &[OsString], input: &str) -> Result<String> {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} is needed: cargo xtask provision"))?;
    child.stdin.take().context("no input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{program} failed");
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// Hashes the same password with the same salt, by Python's standard library.
fn pbkdf2_by_python(hash: &str) -> Result<String> {
    const SCRIPT: &str = "
import base64, hashlib, sys
_, scheme, rounds, salt, _ = sys.argv[1].split('$')
raw = base64.b64decode(salt.replace('.', '+') + '==')
key = hashlib.pbkdf2_hmac('sha512', sys.stdin.buffer.read(), raw, int(rounds), 64)
text = lambda b: base64.b64encode(b).decode().rstrip('=').replace('+', '.')
print('$'.join(['', scheme, rounds, text(raw), text(key)]))
";
    asked("python3", &["-c", SCRIPT, hash].map(OsString::from), PASSWORD)
}

/// Hashes the same password with the same salt, by the reference implementation. `None` if the salt
/// cannot be an argument of a command.
fn argon2_by_reference(hash: &str) -> Result<Option<String>> {
    let salt = STANDARD_NO_PAD.decode(hash.split('$').nth(4).context("no salt")?)?;
    if salt.contains(&0) || salt.starts_with(b"-") {
        return Ok(None);
    }
    let mut words = vec![OsString::from_vec(salt)];
    words
        .extend(["-id", "-t", "8", "-k", "65536", "-p", "2", "-l", "32", "-e"].map(OsString::from));
    asked("argon2", &words, PASSWORD).map(Some)
}

async fn assert_argon2(fixture: &Fixture, options: &[&str]) -> Result<()> {
    // One salt in sixteen cannot be an argument of a command.
    for attempt in 0..20 {
        let hash = hash_of(fixture, &format!("argon{attempt}"), options).await?;
        assert!(hash.starts_with("$argon2id$v=19$m=65536,t=8,p=2$"), "{hash}");
        if let Some(expected) = argon2_by_reference(&hash)? {
            assert_eq!(hash, expected);
            return Ok(());
        }
    }
    anyhow::bail!("no salt that can be typed");
}

#[tokio::test]
async fn another_program_comes_to_the_same_hash() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("bob").await?;
        if flavour == Flavour::Akkoma {
            assert_argon2(&fixture, &[]).await?;
            let hash = hash_of(&fixture, "alice", &["--password-hash", "pbkdf2"]).await?;
            assert_eq!(hash, pbkdf2_by_python(&hash)?);
        } else {
            let hash = hash_of(&fixture, "alice", &[]).await?;
            assert!(hash.starts_with("$pbkdf2-sha512$160000$"), "{hash}");
            assert_eq!(hash, pbkdf2_by_python(&hash)?);
        }
    }
    Ok(())
}

#[tokio::test]
async fn argon2_on_pleroma_is_done_with_a_warning_and_refused_where_unknown() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("bob").await?;
    assert_argon2(&fixture, &["--password-hash", "argon2"]).await?;
    let line = "user new alice a@peer.example -y --password-hash argon2";
    let done = fixture.run(line)?;
    assert_eq!(
        (done.stderr.as_str(), done.code),
        (
            "warning: Pleroma before 2.8.0 does not support argon2: there, the account cannot log \
             in with this password\n",
            0
        )
    );
    let fixture = Fixture::new(Flavour::Pleroma22).await?;
    fixture.world.local("bob").await?;
    let done = fixture.refused(line).await?;
    assert_eq!(
        (done.stdout.as_str(), done.stderr.as_str(), done.code),
        (
            "",
            "error: --password-hash argon2: the login of this server does not support it; nothing \
             was changed\n",
            4
        )
    );
    Ok(())
}

#[tokio::test]
async fn the_password_gets_nowhere_but_into_its_hash() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("bob").await?;
    let secret = "hunter2-hunter2";
    let typed = ["user", "new", "alice", "a@peer.example", "-y", "--password", secret];
    let done = fixture.ostrakon.run(&typed)?;
    let line = ["user", "new", "carol", "c@peer.example", "-y", "--password-stdin", "-vv"];
    let piped = fixture.ostrakon.run_with_input(&line, &format!("{secret}\r\n"))?;
    for done in [&done, &piped] {
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.stdout.contains("  - password: [given]\n"), "{done:?}");
        assert!(!done.stdout.contains(secret) && !done.stderr.contains(secret), "{done:?}");
    }
    assert!(done.stderr.starts_with("warning: every user of this machine can see"), "{done:?}");
    let rows = serde_json::to_string(&fixture.rows().await?.0)?;
    let actions: Vec<String> =
        sqlx::query_scalar("select to_jsonb(a)::text from ostrakon.actions a")
            .fetch_all(&fixture.database.pool())
            .await?;
    assert_eq!(actions.len(), 2);
    assert!(!rows.contains(secret) && !actions.concat().contains(secret));
    Ok(())
}

#[tokio::test]
async fn a_password_must_come_from_one_place_and_be_there() -> Result<()> {
    let fixture = Fixture::new(Flavour::Akkoma).await?;
    fixture.world.local("bob").await?;
    let before = fixture.rows().await?;
    let new = ["user", "new", "alice", "a@peer.example"];
    let run = |options: &[&str], input: &[u8]| -> Result<(i32, String)> {
        let words: Vec<&OsStr> = new.iter().chain(options).map(OsStr::new).collect();
        let mut child = fixture
            .ostrakon
            .command(&words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let _unread = child.stdin.take().context("no input")?.write_all(input);
        let done = testkit::Done::from(child.wait_with_output()?);
        Ok((done.code, done.stderr))
    };
    let endless = vec![b'x'; 70_000];
    for (options, input, code, reported) in [
        (&["--password-stdin"][..], &b"x\n"[..], 2, "add -y"),
        (&["-y", "--password-stdin", "--password", "x"], b"x\n", 2, "cannot be used with"),
        (&["-y", "--password-hash", "md5"], b"", 2, "invalid value 'md5'"),
        (&["-y", "--password-stdin"], b"", 4, "error: there is no password\n"),
        (&["-y", "--password-stdin"], b"\n", 4, "error: there is no password\n"),
        (&["-y", "--password-stdin"], b" \t \n", 4, "error: there is no password\n"),
        (&["-y", "--password="], b"", 4, "error: there is no password\n"),
        (&["-y", "--password-stdin"], b"\xff\xfe\n", 2, "no password could be read"),
        (&["-y", "--password-stdin"], &endless, 2, "the password is longer than"),
    ] {
        let (found, stderr) = run(options, input)?;
        assert_eq!(found, code, "{options:?}: {stderr}");
        assert!(stderr.contains(reported), "{options:?}: {stderr}");
    }
    assert!(before == fixture.rows().await?, "rows changed");
    Ok(())
}

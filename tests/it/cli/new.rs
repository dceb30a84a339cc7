//! `ostrakon user new`: questions, refusals and output.

mod account;

use std::{
    io::{Read as _, Write as _},
    process::Stdio,
};

use anyhow::{Context as _, Result};
use testkit::{Done, Flavour};

use super::{FLAVOURS, Fixture, redacted};

/// A server with one account, so that its address is known.
async fn fixture(flavour: Flavour) -> Result<Fixture> {
    let fixture = Fixture::new(flavour).await?;
    fixture.world.local("bob").await?;
    Ok(fixture)
}

async fn actions(fixture: &Fixture) -> Result<i64> {
    let pool = fixture.database.pool();
    Ok(sqlx::query_scalar("select count(*) from ostrakon.actions").fetch_one(&pool).await?)
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let words = ["user", "new", "al!ce", "no address", "-y", "--name", " ", "--bio", "\u{1b}[2J"];
    let before = fixture.rows().await?;
    let done = fixture.run_words(&words)?;
    insta::assert_snapshot!(done.transcript(), @"
    out| A user will be created with the following information:
    out|   - nickname: al!ce
    out|   - email: no address
    out|   - password: [generated; a reset link will be created]
    out|   - name:  
    out|   - bio: �[2J
    out|   - moderator: false
    out|   - admin: false
    out| 
    err| error: the nickname may hold only the letters A to Z, digits, _ and -
    err| error: the e-mail address is not valid
    err| error: there is no name
    err| error: the bio holds a control character other than a line end
    exit 4
    ");
    assert!(before == fixture.rows().await?, "rows changed");
    assert_eq!(actions(&fixture).await?, 0);
    Ok(())
}

#[tokio::test]
async fn each_argument_is_checked() -> Result<()> {
    let long = "x".repeat(10_000);
    let sql = "'; drop table users; --";
    let (email, name) = ("a@peer.example", "alice");
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        fixture.world.remote("carl", "far.example").await?;
        let before = fixture.rows().await?;
        for (words, reported) in [
            (vec!["", email], "there is no nickname"),
            (vec![" ", email], "there is no nickname"),
            (vec![sql, email], "the nickname may hold only"),
            (vec!["ali\nce", email], "the nickname may hold only"),
            (vec!["ali\u{1b}[2Jce", email], "the nickname may hold only"),
            (vec!["carl@far.example", email], "the nickname may hold only"),
            (vec![&long, email], "the nickname is too long"),
            (vec!["BOB", email], "the nickname is taken"),
            (vec!["about", email], "the nickname is reserved"),
            (vec![name, "BOB@Peer.Example"], "the e-mail address is taken"),
            (vec![name, "nonsense"], "the e-mail address is not valid"),
            (vec![name, sql], "the e-mail address is not valid"),
            (vec![name, "a@peer.example\n"], "the e-mail address is not valid"),
            (vec![name, &long], "the e-mail address is not valid"),
            (vec![name, email, "--name", ""], "there is no name"),
            (vec![name, email, "--name", &long], "the name is too long: this server allows 100"),
            (vec![name, email, "--name", "a\u{7}"], "the name holds a control character"),
            (vec![name, email, "--bio", &long], "the bio is too long: this server allows 5000"),
            (vec![name, email, "--bio", "\u{1b}["], "the bio holds a control character"),
            (vec![name, email, "--password", "\t"], "there is no password"),
        ] {
            let words: Vec<&str> = ["user", "new", "-y"].into_iter().chain(words).collect();
            let done = fixture.run_words(&words)?;
            assert_eq!(done.code, 4, "{flavour}: {done:?}");
            assert!(done.stderr.contains(&format!("error: {reported}")), "{flavour}: {done:?}");
            assert!(!done.stderr.contains('\u{1b}') && !done.stdout.contains('\u{1b}'));
        }
        for line in ["user new", "user new alice", "user new alice a@b c", "user new alice a@b --x"]
        {
            assert_eq!(fixture.run(line)?.code, 2, "{flavour} {line}");
        }
        assert!(before == fixture.rows().await?, "{flavour}: rows changed");
        assert_eq!(actions(&fixture).await?, 0, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn the_servers_own_rules_count() -> Result<()> {
    let mut fixture = fixture(Flavour::Akkoma).await?;
    fixture.ostrakon = fixture
        .ostrakon
        .with("OSTRAKON_REGISTRATION_EXTENDED_NICKNAME_FORMAT", "false")
        .with("OSTRAKON_REGISTRATION_RESTRICTED_NICKNAMES", "boss")
        .with("OSTRAKON_REGISTRATION_EMAIL_BLACKLIST", "spam.example")
        .with("OSTRAKON_REGISTRATION_USER_NAME_LENGTH", "5")
        .with("OSTRAKON_REGISTRATION_ACCOUNT_ACTIVATION_REQUIRED", "true");
    for (line, reported) in [
        ("a_b a@peer.example", "letters A to Z and digits on this server"),
        ("boss a@peer.example", "the nickname is reserved"),
        ("alice a@x.spam.example", "of that domain are not allowed"),
        ("alice a@peer.example --name Alicia", "this server allows 5 characters"),
    ] {
        let done = fixture.refused(&format!("user new {line} -y")).await?;
        assert!(done.code == 4 && done.stderr.contains(reported), "{line}: {done:?}");
    }
    let done = fixture.run_words(&["user", "new", "alice", "", "-y"])?;
    assert!(done.code == 4 && done.stderr.contains("there is no e-mail address"), "{done:?}");
    // The configured list replaces the server's own.
    assert_eq!(fixture.run("user new about a@peer.example -y --password x")?.code, 0);
    Ok(())
}

#[tokio::test]
async fn only_a_yes_is_a_yes() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let before = fixture.rows().await?;
    let ask = |input: &str| -> Result<Done> {
        fixture.ostrakon.run_with_input(&["user", "new", "alice", "a@peer.example"], input)
    };
    for input in ["", "\n", "n\n", "no\n", "ye\n", "yn\n", "j\n", "\ny\n"] {
        let done = ask(input)?;
        assert_eq!(done.code, 4, "{input:?}: {done:?}");
        assert!(done.stdout.ends_with("Continue? [n]  User will not be created.\n"), "{done:?}");
        assert_eq!(done.stderr, "error: declined; nothing was changed\n");
    }
    assert!(before == fixture.rows().await?, "rows changed");
    assert_eq!(actions(&fixture).await?, 0);
    for (nickname, input) in [("a1", "y\n"), ("a2", "Y"), ("a3", "Yn\n"), ("a4", "Yes\r\n")] {
        let email = format!("{nickname}@peer.example");
        let words = ["user", "new", nickname, &email, "--no-assume-yes"];
        let done = fixture.ostrakon.run_with_input(&words, input)?;
        assert_eq!(done.code, 0, "{input:?}: {done:?}");
    }
    let done = fixture.refused("user new alice a@peer.example --json").await?;
    assert_eq!(
        (done.stdout.as_str(), done.stderr.as_str(), done.code),
        ("", "error: --json cannot ask for confirmation: add -y\n", 2)
    );
    Ok(())
}

#[tokio::test]
async fn who_is_quicker_has_the_nickname() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let mut child = fixture
        .ostrakon
        .command(&["user", "new", "alice", "a@peer.example"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut asked = String::new();
    let mut stdout = child.stdout.take().context("no output")?;
    while !asked.ends_with("Continue? [n]  ") {
        let mut byte = [0];
        stdout.read_exact(&mut byte)?;
        asked.push(char::from(byte[0]));
    }
    let held: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity
         where datname = current_database() and application_name = 'ostrakon'
           and state like 'idle in transaction%'",
    )
    .fetch_one(&fixture.database.pool())
    .await?;
    assert_eq!(held, 0, "a transaction is open while a person thinks");
    fixture.world.local("Alice").await?;
    let before = fixture.rows().await?;
    child.stdin.take().context("no input")?.write_all(b"y\n")?;
    let done = Done::from(child.wait_with_output()?);
    assert_eq!(done.code, 4, "{done:?}");
    assert!(done.stderr.starts_with("error: the nickname is taken"), "{done:?}");
    assert!(before == fixture.rows().await?, "rows changed");
    assert_eq!(actions(&fixture).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_person_is_asked_on_a_terminal() -> Result<()> {
    let fixture = fixture(Flavour::Akkoma).await?;
    let done = fixture.ostrakon.run_on_terminal("user new alice a@peer.example", "y\n")?;
    assert_eq!(done.code, 0, "{done:?}");
    let (asked, made) = done.stdout.split_once("Continue? [n]  ").context("no question")?;
    assert!(asked.contains("A user will be created"), "{done:?}");
    assert!(made.contains("User alice created\n"), "{done:?}");
    Ok(())
}

#[tokio::test]
async fn the_later_of_two_options_holds_and_json_has_it_all() -> Result<()> {
    let _redacted = redacted();
    let fixture = fixture(Flavour::Akkoma).await?;
    let done = fixture.run(
        "user new alice a@peer.example --no-assume-yes -y --admin --no-admin --no-moderator \
         --moderator --json",
    )?;
    assert_eq!(done.code, 0, "{done:?}");
    let token: String = sqlx::query_scalar(
        "select t.token from password_reset_tokens t join users u on u.id = t.user_id
         where u.nickname = 'alice' and not t.used",
    )
    .fetch_one(&fixture.database.pool())
    .await?;
    let token = token.replace('=', "%3D");
    insta::assert_snapshot!(done.stdout.replace(&token, "<token>"), @r#"{"command":"new","nickname":"alice","moderator":true,"admin":false,"mails":1,"follow_relations":0,"password_reset_url":"https://peer.example/api/v1/pleroma/password_reset/<token>"}"#);
    let roles: (bool, bool) =
        sqlx::query_as("select is_moderator, is_admin from users where nickname = 'alice'")
            .fetch_one(&fixture.database.pool())
            .await?;
    assert_eq!(roles, (true, false));
    Ok(())
}

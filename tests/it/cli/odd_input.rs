//! Input that the quick commands have to refuse, without changing anything.

use anyhow::Result;
use testkit::Flavour;

use super::{FLAVOURS, Fixture, redacted};

/// Nicknames that no account has.
fn nobodies() -> Vec<String> {
    let mut nobodies: Vec<String> = [
        "",
        " ",
        "%",
        "ghost",
        "@",
        "'; drop table users; --",
        "a\u{1b}[2Jb\n",
        "alice'--",
        "ali_e",
    ]
    .map(str::to_owned)
    .into();
    nobodies.push("x".repeat(10_000));
    nobodies
}

/// Each command that takes a nickname: the words around it, and its line for an unknown nickname.
const COMMANDS: [(&str, &[&str], &str); 19] = [
    ("show", &[], "No user "),
    ("reset_password", &[], "No local user "),
    ("reset_mfa", &[], "No local user "),
    ("set", &["--admin", "--no-locked"], "No local user "),
    ("set", &[], "No local user "),
    ("tag", &["x"], "Could not change user tags for "),
    ("untag", &["x"], "Could not change user tags for "),
    ("toggle_confirmed", &[], "No local user "),
    ("change_email", &["new@mail.example"], "No local user "),
    ("fix_follow_state", &["bob@far.example"], "No local user "),
    ("forget_follow_request", &["bob@far.example"], "No local user "),
    ("send_confirmation", &[], "No local user "),
    ("sign_out", &[], "No local user "),
    ("confirm", &[], "No local user "),
    ("rm", &["--yes", "--inline"], "No local user "),
    ("delete_activities", &["--yes", "--inline"], "No local user "),
    ("activate", &["--inline"], "No user "),
    ("deactivate", &["--inline"], "No user "),
    ("toggle_activated", &["--inline"], "No user "),
];

async fn fixture(flavour: Flavour) -> Result<Fixture> {
    let fixture = Fixture::new(flavour).await?;
    fixture.world.local("alice").await?;
    fixture.world.remote("bob", "far.example").await?;
    fixture
        .sql(
            "insert into user_invite_tokens (token, invite_type, inserted_at, updated_at)
             values ('known', 'one_time', '2025-01-01', '2025-01-01')",
        )
        .await?;
    Ok(fixture)
}

async fn actions(fixture: &Fixture) -> Result<i64> {
    let count = sqlx::query_scalar("select count(*) from ostrakon.actions");
    Ok(count.fetch_one(&fixture.database.pool()).await?)
}

#[tokio::test]
async fn nobody_is_found_under_an_odd_nickname() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        let before = fixture.rows().await?;
        for (command, rest, line) in COMMANDS {
            for nickname in nobodies() {
                let words = [&["user", command, &nickname], rest].concat();
                let done = fixture.run_words(&words)?;
                assert_eq!((done.code, done.stdout.as_str()), (3, ""), "{command} {done:?}");
                assert!(done.stderr.starts_with(line), "{flavour} {command}: {done:?}");
                assert!(!done.stderr.contains('\u{1b}'), "{done:?}");
            }
        }
        assert!(before == fixture.rows().await?, "{flavour}: rows changed");
        assert_eq!(actions(&fixture).await?, 0, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn accounts_of_other_servers_are_not_ours() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        let commands = [
            "reset_password bob@far.example",
            "reset_mfa bob@far.example",
            "set bob@far.example --admin",
            "change_email bob@far.example new@mail.example",
            "sign_out bob@far.example",
            "rm bob@far.example --yes --inline",
        ];
        let lines = commands.map(|command| format!("user {command}"));
        for done in fixture.all_refused(&lines).await? {
            let reported = (done.code, done.stdout.as_str(), done.stderr.as_str());
            assert_eq!(reported, (3, "", "No local user bob@far.example\n"), "{flavour}");
        }
        assert_eq!(actions(&fixture).await?, 0, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn odd_tokens_revoke_nothing() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let before = fixture.rows().await?;
    let long = "x".repeat(10_000);
    for token in ["", "%", "KNOWN", "known ", "'; drop table users; --", "a\u{7}b", &long] {
        let done = fixture.run_words(&["user", "revoke_invite", token])?;
        assert_eq!((done.code, done.stdout.as_str()), (3, ""), "{done:?}");
        assert!(done.stderr.starts_with("No invite found with token "), "{done:?}");
    }
    assert!(before == fixture.rows().await?);
    Ok(())
}

#[tokio::test]
async fn what_the_grammar_does_not_know_is_refused() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let lines = [
        "user list alice",
        "user list --king",
        "user list --limit -1",
        "user list --limit many",
        "user show",
        "user show alice bob",
        "user show alice --king",
        "user invite --king",
        "user invites --king",
        "user invites all",
        "user revoke_invite",
        "user revoke_invite known other",
        "user reset_password",
        "user reset_password alice --king",
        "user reset_mfa",
        "user reset_mfa alice bob",
        "user set",
        "user set alice admin",
        "user set alice --admin=yes",
        "user set alice --king",
        "user tag",
        "user tag alice x --king",
        "user untag",
        "user untag alice -x",
        "user toggle_confirmed",
        "user toggle_confirmed alice --yes",
        "user change_email alice",
        "user change_email alice a@b c@d",
        "user fix_follow_state alice",
        "user fix_follow_state alice bob@far.example --king",
        "user forget_follow_request alice",
        "user forget_follow_request alice bob@far.example --king",
        "user convert_id",
        "user convert_id 1 2",
    ];
    for (line, done) in lines.iter().zip(fixture.all_refused(&lines).await?) {
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{line}: {done:?}");
        assert!(done.stderr.starts_with("error: "), "{line}: {done:?}");
    }
    assert_eq!(actions(&fixture).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_change_wants_the_ledger_and_a_look_does_not() -> Result<()> {
    let fixture = Fixture::without_ledger(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    for line in ["user list", "user show alice", "user invites"] {
        assert_eq!(fixture.refused(line).await?.code, 0, "{line}");
    }
    for line in [
        "user invite",
        "user revoke_invite x",
        "user reset_password alice",
        "user reset_mfa alice",
        "user set alice --admin",
        "user tag alice x",
        "user toggle_confirmed alice",
        "user change_email alice a@mail.example",
        "user fix_follow_state alice bob@far.example",
        "user forget_follow_request alice bob@far.example",
    ] {
        let done = fixture.refused(line).await?;
        assert!(done.code == 4 && done.stderr.contains("ostrakon migrate"), "{line}: {done:?}");
    }
    Ok(())
}

/// The examples in docs/json.md.
#[tokio::test]
async fn each_command_prints_one_object() -> Result<()> {
    let _redacted = redacted();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("[A-Za-z0-9_-]{43}(=|%3D)", "<token>$1");
    let _tokens = settings.bind_to_scope();
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    let bob = fixture.world.remote("bob", "far.example").await?;
    alice.posts("hello").create().await?;
    alice.requests_to_follow(&bob).await?;
    fixture
        .sql(
            "insert into user_invite_tokens (token, invite_type, inserted_at, updated_at)
             values ('known', 'one_time', '2025-01-01', '2025-01-01')",
        )
        .await?;
    let mut reported = String::new();
    for command in [
        "list",
        "show alice",
        "invites",
        "invite --expires-at 2030-01-31 --max-use 5",
        "revoke_invite known",
        "reset_password alice",
        "reset_mfa alice",
        "sign_out alice",
        "set alice --moderator --no-locked --confirmed",
        "tag alice B a",
        "untag alice a",
        "toggle_confirmed alice",
        "change_email alice alice@mail.example",
        "fix_follow_state alice bob@far.example",
        "forget_follow_request alice bob@far.example",
        "convert_id BCjL2aigzG9M563KXA",
    ] {
        let name = command.split(' ').next().unwrap_or_default();
        let done = fixture.run(&format!("user {command} --json"))?;
        assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{done:?}");
        assert!(done.stdout.starts_with(&format!("{{\"command\":\"{name}\",")), "{done:?}");
        reported.extend(["$ ostrakon user ", command, " --json\n", &done.stdout]);
    }
    insta::assert_snapshot!(reported);
    Ok(())
}

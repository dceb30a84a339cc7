//! `confirm_all` and `unconfirm_all`: which accounts they change, and what they report to the
//! running server and to the staff.

use anyhow::Result;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use testkit::{Account, Flavour, Ostrakon, Postgres, PostgresOptions};

use super::{
    FLAVOURS, Fixture,
    reported::{person, reads_anew},
};

/// Alice and Bob, unconfirmed; Boss, an admin; Carol, deactivated.
async fn fixture(flavour: Flavour) -> Result<(Fixture, Vec<Account>)> {
    let fixture = Fixture::new(flavour).await?;
    let mut accounts = Vec::new();
    for name in ["alice", "bob", "boss", "carol"] {
        accounts.push(fixture.world.local(name).await?);
    }
    accounts[3].is_deactivated().await?;
    fixture.sql("update users set is_admin = true where nickname = 'boss'").await?;
    fixture.sql("update users set confirmation_token = 'old'").await?;
    fixture
        .sql(match flavour {
            Flavour::Pleroma22 => "update users set confirmation_pending = true",
            Flavour::Pleroma | Flavour::Akkoma => "update users set is_confirmed = false",
        })
        .await?;
    Ok((fixture, accounts))
}

async fn is_confirmed(account: &Account, flavour: Flavour) -> Result<bool> {
    Ok(match flavour {
        Flavour::Pleroma22 => account.column("confirmation_pending").await? == json!(false),
        Flavour::Pleroma | Flavour::Akkoma => account.column("is_confirmed").await? == json!(true),
    })
}

#[tokio::test]
async fn active_local_accounts_but_the_staffs_are_confirmed() -> Result<()> {
    for flavour in FLAVOURS {
        let (fixture, accounts) = fixture(flavour).await?;
        let done = fixture.run("user confirm_all --yes --inline --as BOSS")?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 0), "{flavour}: {done:?}");
        let mut confirmed = Vec::new();
        for account in &accounts {
            if is_confirmed(account, flavour).await? {
                confirmed.push(account.nickname());
                assert_eq!(account.column("confirmation_token").await?, Value::Null);
            }
        }
        assert_eq!(confirmed, ["alice", "bob"], "{flavour}");
        let [alice, bob, boss] = [0, 1, 2].map(|n| person(&accounts[n]));
        let entry = json!({
            "actor": boss,
            "action": "confirm_email",
            "message": "@boss confirmed email for users: @alice, @bob",
            "subject": [alice, bob],
        });
        assert_eq!(fixture.moderation_log().await?, [entry], "{flavour}");

        let done = fixture.refused("user confirm_all --inline --as boss").await?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 0), "{flavour}: {done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn everybody_gets_a_fresh_token() -> Result<()> {
    for flavour in FLAVOURS {
        let (fixture, accounts) = fixture(flavour).await?;
        let mut tokens = Vec::new();
        for _ in 0..2 {
            let done = fixture.run("user unconfirm_all --yes --inline")?;
            assert_eq!((done.stdout.as_str(), done.code), ("", 0), "{flavour}: {done:?}");
            for account in &accounts[..2] {
                assert!(!is_confirmed(account, flavour).await?, "{flavour}");
                let token = account.column("confirmation_token").await?;
                let token = token.as_str().unwrap_or_default().to_owned();
                assert_eq!(token.len(), 44, "{token}");
                tokens.push(token);
            }
        }
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), 4, "{flavour}: {tokens:?}");
        for account in &accounts[2..] {
            assert_eq!(account.column("confirmation_token").await?, "old", "{flavour}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_running_server_is_informed_once_of_each_account() -> Result<()> {
    for flavour in FLAVOURS {
        let (fixture, accounts) = fixture(flavour).await?;
        let done = fixture.run("user confirm_all --yes --inline")?;
        let asked = fixture.refreshes().await?;
        if flavour == Flavour::Pleroma {
            assert_eq!(asked, [0, 1].map(|n| reads_anew(&accounts[n])));
            assert!(!done.stderr.contains("restarts"), "{done:?}");
        } else {
            assert!(asked.is_empty(), "{flavour}: {asked:?}");
            assert!(done.stderr.contains("until it restarts"), "{flavour}: {done:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_the_staff_has_a_log() -> Result<()> {
    let (fixture, _) = fixture(Flavour::Pleroma).await?;
    for name in ["alice", "nobody", "carol"] {
        let done = fixture.refused(&format!("user confirm_all --yes --as {name}")).await?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{done:?}");
        assert!(done.stderr.contains(&format!("--as {name}")), "{done:?}");
    }
    let done = fixture.refused("user unconfirm_all --yes --as boss").await?;
    assert_eq!(done.code, 2, "{done:?}");
    Ok(())
}

#[tokio::test]
async fn most_rows_stay_on_their_page() -> Result<()> {
    // On a PostgreSQL of its own: old row versions stay as long as a transaction that might see
    // them is running, in whichever database.
    let extra = vec![("autovacuum".to_owned(), "off".to_owned())];
    let server = Postgres::start_with(PostgresOptions { durable: false, extra })?;
    let pool = PgPoolOptions::new().connect_lazy(&server.url("postgres"))?;
    sqlx::raw_sql(Flavour::Pleroma.schema()).execute(&pool).await?;
    sqlx::raw_sql(
        "insert into users (id, ap_id, nickname, bio, local, is_active, is_confirmed,
                            confirmation_token, inserted_at, updated_at)
         select gen_random_uuid(), 'https://social.example/users/' || n, 'member' || n, repeat('-', 600), true,
                true, false, 'token' || n, now(), now()
         from generate_series(1, 800) as n",
    )
    .execute(&pool)
    .await?;
    sqlx::raw_sql("vacuum users").execute(&pool).await?;
    // A batch takes a third as many rows as there are pages: two rows of one page are never written
    // in one transaction.
    let ostrakon = Ostrakon::at(&server.url("postgres"))
        .with("OSTRAKON_BATCH_ROWS_INITIAL", "25")
        .with("OSTRAKON_BATCH_ROWS_MAX", "25");
    ostrakon.migrate()?;
    let done = ostrakon.run(&["user", "confirm_all", "--yes", "--inline"])?;
    assert_eq!((done.stdout.as_str(), done.code), ("", 0), "{done:?}");
    // A PostgreSQL backend reports its figures when it ends.
    let (mut written, mut kept) = (0_i64, 0_i64);
    while written < 800 {
        (written, kept) = sqlx::query_as(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'users'",
        )
        .fetch_one(&pool)
        .await?;
    }
    assert!(kept > written / 2, "{kept} of {written}");
    Ok(())
}

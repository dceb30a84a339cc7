//! `ostrakon select`: each selector finds the accounts that another query finds, by id.

mod commands;
mod refused;
mod saved;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::{Flavour, flake_text, put_together};
use uuid::Uuid;

use super::{FLAVOURS, Fixture};

/// A server with 1,000 accounts, and its own actor.
async fn community(flavour: Flavour) -> Result<Fixture> {
    let fixture = Fixture::new(flavour).await?;
    fixture.world.local("pattern").await?;
    fixture.sql(include_str!("community.sql")).await?;
    fixture
        .sql(
            "update users set nickname = 'internal.fetch', inserted_at = '2025-11-21',
                              bio = 'cheap pills', note_count = 0 where nickname = 'pattern'",
        )
        .await?;
    Ok(fixture)
}

/// Words of a command line, and another way to find the same accounts.
const SELECTORS: &[(&str, &str)] = &[
    ("--local", "ap_id like 'https://peer.example/%'"),
    ("--remote", "ap_id not like 'https://peer.example/%'"),
    ("--host spam.example", "ap_id like 'https://spam.example/%'"),
    (
        "--host SPAM.example. --include-subdomains",
        "split_part(ap_id, '/', 3) in ('spam.example', 'sub.spam.example')",
    ),
    (
        "--host spam.example --host far.example",
        "split_part(ap_id, '/', 3) in ('spam.example', 'far.example')",
    ),
    ("--created 2025-11-20..22", "inserted_at::date between '2025-11-20' and '2025-11-22'"),
    ("--created 2025-11-20..2025-11-20", "inserted_at::date = '2025-11-20'"),
    ("--created 2025-11-21", "inserted_at::date = '2025-11-21'"),
    ("--created 2025-11-23..", "inserted_at::date > '2025-11-22'"),
    ("--created ..2025-11-19", "inserted_at::date < '2025-11-20'"),
    (
        "--created 2025-11-20T10:00..2025-11-20T11:50",
        "to_char(inserted_at, 'YYYY-MM-DD HH24') in ('2025-11-20 10', '2025-11-20 11')",
    ),
    ("--since 5h30m", "inserted_at at time zone 'UTC' > now() - interval '330 minutes'"),
    ("--since 2025-11-24", "inserted_at::date >= '2025-11-24'"),
    ("--email-domain x.example", r"local and email::text ~* '@x\.example$'"),
    (
        "--email-domain X.EXAMPLE --include-subdomains",
        r"local and email::text ~* '[@.]x\.example$'",
    ),
    ("--unconfirmed", "local and coalesce(j ->> 'is_confirmed' = 'false', j ->> 'confirmation_pending' = 'true')"),
    ("--unapproved", "local and coalesce(j ->> 'is_approved' = 'false', j ->> 'approval_pending' = 'true')"),
    (
        "--never-posted",
        "note_count = 0 and j ->> 'last_status_at' is null
         and ap_id not in (select actor from activities where data ->> 'type' = 'Create')",
    ),
    (
        "--no-followers",
        "follower_count = 0
         and id not in (select following_id from following_relationships where state = 2)",
    ),
    (
        "--inactive-since 1y",
        "not exists (
           select from (values (j ->> 'last_active_at'), (j ->> 'last_status_at')) t (at)
           where at::timestamp > (now() - interval '365.25 days') at time zone 'UTC')
         and (j ->> 'last_active_at' is not null or j ->> 'last_status_at' is not null
              or inserted_at < (now() - interval '365.25 days') at time zone 'UTC')",
    ),
    ("--nick pills*", "nickname::text ~* '^pills'"),
    ("--nick *?_?9", "split_part(nickname::text, '@', 1) ~ '.[_].9$'"),
    ("--nick PILX* --nick a.b*", "lower(nickname::text) ~ '^a[.]b'"),
    ("--nick *@SPAM.example*", "lower(nickname::text) ~ '@spam[.]example'"),
    ("--bio-has pills&more", "false"),
    ("--bio-has PILLS", "strpos(lower(concat(bio, '|', j ->> 'raw_bio')), 'pills') > 0"),
    ("--bio-has 100%", "concat(bio, j ->> 'raw_bio') ~ '100%'"),
    ("--bio-has x_y", "j ->> 'raw_bio' = 'x_y'"),
    ("--reason-has FRIEND", "local and registration_reason ~* 'friend'"),
    (
        "--post-has https://spam.example/?a&b",
        "ap_id in (select a.actor from activities a join objects o on o.data ->> 'id' = a.data ->> 'object'
                   where a.data ->> 'type' = 'Create' and o.data ->> 'content' ~* 'spam.example/[?]a&amp;b')",
    ),
    (
        "--post-has buy",
        "ap_id in (select a.actor from activities a join objects o on o.data ->> 'id' = a.data ->> 'object'
                   where a.data ->> 'type' = 'Create'
                     and concat(o.data ->> 'content', o.data ->> 'summary') ~* 'buy')",
    ),
    (
        "--exclude-followed",
        "id not in (select r.following_id from following_relationships r join users f on f.id = r.follower_id
                    where f.local and r.state = 2)",
    ),
    (
        "--local --never-posted --unconfirmed --created 2025-11-19..24 --exclude-followed",
        "local and note_count = 0 and j ->> 'last_status_at' is null
         and ap_id not in (select actor from activities where data ->> 'type' = 'Create')
         and coalesce(j ->> 'is_confirmed' = 'false', j ->> 'confirmation_pending' = 'true')
         and inserted_at >= '2025-11-19' and inserted_at < '2025-11-25'
         and not exists (select from following_relationships r join users f on f.id = r.follower_id
                         where f.local and r.state = 2 and r.following_id = w.id)",
    ),
];

/// What another query finds: accounts, and staff.
async fn expected(fixture: &Fixture, condition: &str) -> Result<(BTreeSet<String>, usize)> {
    let sql = format!(
        "select id, is_admin or is_moderator
         from (select u.*, to_jsonb(u) as j from users u) as w
         where nickname not like 'internal.%' and ({condition})"
    );
    let rows: Vec<(Uuid, bool)> =
        sqlx::query_as(put_together(sql)).fetch_all(&fixture.pool()).await?;
    let staff = rows.iter().filter(|(_, staff)| *staff).count();
    let others = rows.into_iter().filter(|(_, staff)| !staff).map(|(id, _)| flake_text(id));
    Ok((others.collect(), staff))
}

/// What `--json` prints: the ids of the accounts, and the summary.
fn selected(stdout: &str) -> Result<(BTreeSet<String>, Value)> {
    let mut objects: Vec<Value> =
        stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let summary = objects.pop().context("no summary")?;
    let ids: BTreeSet<String> =
        objects.iter().filter_map(|account| account["id"].as_str().map(str::to_owned)).collect();
    ensure!(ids.len() == objects.len() && summary["accounts"] == ids.len(), "{summary}");
    Ok((ids, summary))
}

#[tokio::test]
async fn each_selector_finds_what_another_query_finds() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = community(flavour).await?;
        let (locals, staff) = expected(&fixture, "local").await?;
        let all_local = locals.len() + staff;
        for (flags, condition) in SELECTORS {
            if flags.contains("inactive") && flavour == Flavour::Pleroma22 {
                continue;
            }
            let (wanted, staff) = expected(&fixture, condition).await?;
            let done = fixture.run(&format!("select {flags} --json"))?;
            assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{flavour} {flags}");
            let (found, summary) = selected(&done.stdout)?;
            assert_eq!(found, wanted, "{flavour} {flags}");
            assert_eq!(summary["staff_left_out"], staff, "{flavour} {flags}");
            assert_eq!(summary["all_local"], all_local, "{flavour} {flags}");
            let local = found.intersection(&locals).count();
            assert_eq!(summary["local"], local, "{flavour} {flags}");
            ensure!(*condition == "false" || (4..960).contains(&found.len()), "{flags}: {summary}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_listing_shows_a_sample_and_no_address() -> Result<()> {
    let fixture = community(Flavour::Pleroma).await?;
    let done =
        fixture.run("select --email-domain x.example --created 2025-11-20..22 --sample 3")?;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    insta::assert_snapshot!(done.stdout);
    let done = fixture.run("select --nick nobody*")?;
    let line = "0 accounts match: 0 of the 600 local ones, 0 remote.\n";
    assert_eq!((done.code, done.stdout.as_str()), (0, line), "{done:?}");
    for line in ["--email-domain x.example", "--reason-has friend", "--local --json"] {
        let done = fixture.run(&format!("select {line} --sample 1000"))?;
        for secret in ["a12@", "@x.example", "told me"] {
            assert!(!done.stdout.contains(secret), "{line}: {secret}");
        }
    }
    Ok(())
}

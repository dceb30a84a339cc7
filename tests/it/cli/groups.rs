//! `runs` with a group: what is shown, and what is refused.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde_json::Value;
use testkit::{Done, Flavour};

use super::{Fixture, redacted};

const LIST: &str = "one.example\ntwo.example\nthree.example\n";

async fn fixture() -> Result<Fixture> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    for host in LIST.lines() {
        fixture.world.remote("user", host).await?.follows(&alice).await?;
    }
    Ok(fixture)
}

fn deactivate(fixture: &Fixture, flags: &str) -> Result<Done> {
    let line = format!("user deactivate_all_from_instance --hosts-file - --yes {flags}");
    fixture.ostrakon.run_with_input(&line.split(' ').collect::<Vec<_>>(), LIST)
}

async fn group_id(fixture: &Fixture) -> Result<String> {
    Ok(sqlx::query_scalar("select id from ostrakon.groups").fetch_one(&fixture.pool()).await?)
}

#[tokio::test]
async fn a_group_is_one_line() -> Result<()> {
    let _redacted = redacted();
    let fixture = fixture().await?;
    let queued = deactivate(&fixture, "--queue --reason spam")?;
    let id = group_id(&fixture).await?;
    let mut shown = queued.transcript();
    for line in ["list", &format!("show {id}"), &format!("list --group {id}")] {
        write!(shown, "\nruns {line}\n")?;
        shown += &fixture.run(&format!("runs {line}"))?.transcript();
    }
    insta::assert_snapshot!(shown);
    let (_, group) = fixture.json(&format!("runs show {id}"))?;
    ensure!(group["runs"] == 3 && group["runs_by_status"]["queued"] == 3, "{group}");
    ensure!(group["reason"] == "spam" && group["subject"] == "3 hosts", "{group}");
    let listed = fixture.run(&format!("runs list --group {id} --json"))?;
    for line in listed.stdout.lines() {
        let run: Value = serde_json::from_str(line)?;
        ensure!(run["group_id"] == id.as_str() && run["reason"] == "spam", "{run}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_group_cannot_do_is_refused() -> Result<()> {
    let fixture = fixture().await?;
    deactivate(&fixture, "--inline")?;
    let id = group_id(&fixture).await?;
    let unknown = ulid::Ulid::generate();
    let refused = [
        (format!("runs pause {id}"), 4),
        (format!("runs resume {id}"), 4),
        (format!("runs cancel {id}"), 4),
        (format!("runs retry {id}"), 4),
        (format!("runs speed {id} 2"), 4),
        (format!("runs retry {id} --parked"), 2),
        (format!("runs list --group {unknown}"), 3),
        (format!("runs show {unknown}"), 3),
    ];
    let lines: Vec<&String> = refused.iter().map(|(line, _)| line).collect();
    for (done, (line, code)) in fixture.all_refused(&lines).await?.iter().zip(&refused) {
        ensure!(done.code == *code, "{line}: {done:?}");
    }
    Ok(())
}

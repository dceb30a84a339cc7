//! `delete_activities` with deliveries that ostrakon makes itself: one for each inbox.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Account, Database, Flavour, Post, Release, State};

use super::{FLAVOURS, Fixture};

/// Alice has a follower and a mention on other servers, and an account elsewhere has fetched her
/// post.
async fn seed(fixture: &Fixture) -> Result<(Account, Post)> {
    let world = &fixture.world;
    let alice = world.local("alice").await?;
    let bob = world.local("bob").await?;
    let carl = world.remote("carl", "far.example").await?;
    let dana = world.remote("dana", "other.example").await?;
    let reader = world.remote("rita", "reader.example").await?;
    carl.follows(&alice).await?;
    bob.follows(&alice).await?;
    let post = alice.posts("hello").public().mentioning(&dana).create().await?;
    alice.posts("to you").direct_to(&dana).create().await?;
    alice.likes(&carl.posts("far away").public().create().await?).await?;
    sqlx::query("insert into deliveries (object_id, user_id) values ($1, $2)")
        .bind(i32::try_from(post.object_row)?)
        .bind(reader.id())
        .execute(&fixture.database.pool())
        .await?;
    Ok((alice, post))
}

/// Deliveries as inbox and priority, by the kind of activity that they deliver.
fn deliveries(state: &State, flavour: Flavour) -> BTreeMap<String, Vec<(String, i64)>> {
    let mut deliveries: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    let jobs = state.rows("oban_jobs").iter();
    for job in jobs.filter(|job| job["args"]["op"] == "publish_one") {
        let params = &job["args"]["params"];
        let kind = kind_of(state, params, flavour);
        let inbox = params["inbox"].as_str().unwrap_or_default().to_owned();
        let priority = job["priority"].as_i64().unwrap_or(-1);
        deliveries.entry(kind).or_default().push((inbox, priority));
    }
    for inboxes in deliveries.values_mut() {
        inboxes.sort();
    }
    deliveries
}

/// What a delivery delivers: the type of the activity, and the number of accounts in its `to`.
fn kind_of(state: &State, params: &Value, flavour: Flavour) -> String {
    let is_it = |row: &&Value| match flavour {
        Flavour::Pleroma => row["id"]
            .as_str()
            .and_then(|id| id.parse().ok())
            .is_some_and(|id| params["activity_id"] == testkit::flake_text(id)),
        Flavour::Akkoma | Flavour::Pleroma22 => row["data"]["id"] == params["id"],
    };
    let Some(activity) = state.rows("activities").iter().find(is_it) else {
        return "nothing".to_owned();
    };
    if flavour != Flavour::Pleroma {
        let sent: Value =
            serde_json::from_str(params["json"].as_str().unwrap_or_default()).unwrap_or_default();
        assert_eq!(sent["id"], activity["data"]["id"]);
        assert!(sent["@context"].is_array() && sent.get("deleted_activity_id").is_none(), "{sent}");
        assert!(sent.get("bto").is_none() && sent.get("bcc").is_none(), "{sent}");
    }
    let addressed = activity["data"]["to"].as_array().map_or(0, Vec::len);
    format!("{} to {addressed}", activity["data"]["type"].as_str().unwrap_or_default())
}

fn expected(flavour: Flavour) -> BTreeMap<String, Vec<(String, i64)>> {
    // Inboxes of accounts addressed by name come first, in releases that distinguish them.
    let (named, others) = if flavour == Flavour::Pleroma { (0, 1) } else { (0, 0) };
    let inbox = |host: &str, priority: i64| (format!("https://{host}/inbox"), priority);
    // A like goes to the author of the post and, since it is public, to the servers of alice's
    // followers.
    [
        (
            "Delete to 3",
            vec![
                inbox("far.example", others),
                inbox("other.example", named),
                inbox("reader.example", others),
            ],
        ),
        ("Delete to 1", vec![inbox("other.example", named)]),
        ("Undo to 2", vec![inbox("far.example", named)]),
    ]
    .into_iter()
    .map(|(kind, inboxes)| (kind.to_owned(), inboxes))
    .collect()
}

async fn assert_delivered(fixture: &Fixture, flavour: Flavour) -> Result<()> {
    let after = fixture.rows().await?.0;
    assert_eq!(deliveries(&after, flavour), expected(flavour), "{flavour}");
    let publish: Vec<_> =
        after.rows("oban_jobs").iter().filter(|job| job["args"]["op"] == "publish").collect();
    assert!(publish.is_empty(), "{flavour}: {publish:?}");
    // When the server delivers, it deletes the rows on who fetched the post; so does ostrakon.
    assert_eq!(after.rows("deliveries"), Vec::<Value>::new(), "{flavour}");
    Ok(())
}

#[tokio::test]
async fn the_deletions_of_an_inactive_account_reach_other_servers() -> Result<()> {
    // Pleroma 2.2 deletes nothing of deactivated accounts.
    for flavour in [Flavour::Pleroma, Flavour::Akkoma] {
        let fixture = Fixture::new(flavour).await?;
        let (alice, _) = seed(&fixture).await?;
        alice.is_deactivated().await?;
        let plan = fixture.refused("user delete_activities alice --dry-run").await?;
        assert!(plan.stdout.contains("the account is inactive): up to 1 for each"), "{plan:?}");
        let done = fixture.run("user delete_activities alice --yes --inline")?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        assert_delivered(&fixture, flavour).await?;
    }
    Ok(())
}

#[tokio::test]
async fn ostrakon_makes_the_deliveries_of_an_active_account_when_asked_to() -> Result<()> {
    for flavour in FLAVOURS {
        let mut fixture = Fixture::new(flavour).await?;
        seed(&fixture).await?;
        fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_FEDERATION_FANOUT", "ostrakon");
        let done = fixture.run("user delete_activities alice --yes --inline")?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        assert_delivered(&fixture, flavour).await?;
    }
    Ok(())
}

#[tokio::test]
async fn nobody_is_informed_where_federation_is_off() -> Result<()> {
    for flavour in FLAVOURS {
        let mut fixture = Fixture::new(flavour).await?;
        let (_, post) = seed(&fixture).await?;
        fixture.ostrakon = fixture
            .ostrakon
            .with("OSTRAKON_FEDERATION_FANOUT", "ostrakon")
            .with("OSTRAKON_SERVER_FEDERATING", "false");
        let done = fixture.run("user delete_activities alice --yes --inline")?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        let after = fixture.rows().await?.0;
        assert!(deliveries(&after, flavour).is_empty(), "{flavour}");
        let fetchers: Vec<_> =
            after.rows("deliveries").iter().map(|row| &row["object_id"]).collect();
        assert_eq!(fetchers, [&json!(post.object_row)], "{flavour}");
    }
    Ok(())
}

/// Older releases deliver nothing to accounts whose server is not known to understand ActivityPub.
#[tokio::test]
async fn accounts_without_activitypub_get_nothing_from_older_releases() -> Result<()> {
    for release in ["pleroma-2.2", "pleroma-2.4", "pleroma-2.5", "akkoma-3.10", "akkoma-3.14"] {
        for enabled in [true, false] {
            let database = Database::of_release(Release::named(release)?).await?;
            let mut fixture = Fixture::on(database).await?.left_by_its_server();
            fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_FEDERATION_FANOUT", "ostrakon");
            seed(&fixture).await?;
            sqlx::query("update users set ap_enabled = $1 where not local")
                .bind(enabled)
                .execute(&fixture.pool())
                .await?;
            let done = fixture.run("user delete_activities alice --yes --inline")?;
            assert_eq!(done.code, 0, "{release}: {done:?}");
            let state = fixture.state().await?;
            let mut inboxes: Vec<&str> = state
                .rows("oban_jobs")
                .iter()
                .filter(|job| job["args"]["op"] == "publish_one")
                .filter_map(|job| job["args"]["params"]["inbox"].as_str())
                .collect();
            inboxes.sort_unstable();
            inboxes.dedup();
            // A follower's, a named account's and a reader's, as `seed` has them.
            let hosts = ["far.example", "other.example", "reader.example"];
            let all = hosts.iter().all(|host| inboxes.iter().any(|inbox| inbox.contains(host)));
            assert_eq!((all, inboxes.is_empty()), (enabled, !enabled), "{release}: {inboxes:?}");
        }
    }
    Ok(())
}

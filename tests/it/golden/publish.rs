//! Publish jobs on Pleroma, which have one more key since the recordings (docs/differences.md D62).

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Database, Flavour, State, Transition, snapshot};

fn is_publish(job: &Value) -> bool {
    job["args"]["op"] == "publish"
}

/// Adds to new publish jobs the key that the newest Pleroma requires.
pub(crate) fn give_options(transition: &Transition, state: &mut State) {
    if transition.flavour != Flavour::Pleroma {
        return;
    }
    let before = transition.before.rows("oban_jobs");
    for job in state.rows_mut("oban_jobs") {
        if is_publish(job) && !before.iter().any(|old| old["id"] == job["id"]) {
            job["args"]["opts"] = json!({});
        }
    }
}

#[tokio::test]
async fn publish_jobs_have_options_on_pleroma_alone() -> Result<()> {
    for flavour in Flavour::ALL {
        let transition = Transition::load(flavour, "da_visibilities")?;
        let database = Database::create(flavour).await?;
        transition.load_before(&database).await?;
        let ostrakon = super::program(&database, &transition).await?;
        let name = transition.arguments().get(1).map_or("", String::as_str);
        let done = ostrakon.run(&["user", "delete_activities", name, "--inline", "--yes"])?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        let state = snapshot(&database.pool()).await?;
        let jobs: Vec<&Value> =
            state.rows("oban_jobs").iter().filter(|job| is_publish(job)).collect();
        assert!(!jobs.is_empty(), "{flavour}");
        for job in jobs {
            let expected = (flavour == Flavour::Pleroma).then(|| json!({}));
            assert_eq!(job["args"].get("opts"), expected.as_ref(), "{flavour}: {job}");
        }
    }
    Ok(())
}

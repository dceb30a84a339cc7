//! What a command leaves for others to read: the staff's log, and jobs that have the running server
//! read accounts anew.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Account, Flavour, flake_text};

use super::Fixture;

impl Fixture {
    /// The entries of the staff's log, oldest first.
    pub(super) async fn moderation_log(&self) -> Result<Vec<Value>> {
        let entries = sqlx::query_scalar("select data from public.moderation_log order by id");
        Ok(entries.fetch_all(&self.database.pool()).await?)
    }

    /// The jobs that have the server read accounts anew, sorted by what they say.
    pub(super) async fn refreshes(&self) -> Result<Vec<Value>> {
        let jobs = sqlx::query_scalar(
            "select jsonb_build_array(queue, worker, max_attempts, priority, state, args)
             from public.oban_jobs where queue = 'background' order by args ->> 'user_id'",
        );
        Ok(jobs.fetch_all(&self.database.pool()).await?)
    }
}

/// How the log names an account.
pub(super) fn person(account: &Account) -> Value {
    json!({ "id": flake_text(account.id()), "nickname": account.nickname(), "type": "user" })
}

/// The job by which Pleroma reads an account anew.
pub(super) fn reads_anew(account: &Account) -> Value {
    refresh(&json!({ "op": "verify_fields_links", "user_id": flake_text(account.id()) }))
}

/// The job by which any flavour switches an account that is switched already.
pub(super) fn switches(flavour: Flavour, account: &Account, active: bool) -> Value {
    let user_id = flake_text(account.id());
    refresh(&match flavour {
        Flavour::Pleroma22 => {
            json!({ "op": "deactivate_user", "user_id": user_id, "status": !active })
        }
        Flavour::Pleroma | Flavour::Akkoma => {
            json!({ "op": "user_activation", "user_id": user_id, "status": active })
        }
    })
}

fn refresh(args: &Value) -> Value {
    json!(["background", "Pleroma.Workers.BackgroundWorker", 20, 0, "available", args])
}

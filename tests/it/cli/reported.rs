//! What a command leaves for others: entries in the staff's log, and jobs that make the running
//! server reload accounts.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Account, Flavour, flake_text};

use super::Fixture;

impl Fixture {
    /// Entries of the staff's log, oldest first.
    pub(super) async fn moderation_log(&self) -> Result<Vec<Value>> {
        let entries = sqlx::query_scalar("select data from public.moderation_log order by id");
        Ok(entries.fetch_all(&self.database.pool()).await?)
    }

    /// Jobs that make the server reload accounts, sorted by account.
    pub(super) async fn refreshes(&self) -> Result<Vec<Value>> {
        let jobs = sqlx::query_scalar(
            "select jsonb_build_array(queue, worker, max_attempts, priority, state, args)
             from public.oban_jobs where queue = 'background' order by args ->> 'user_id'",
        );
        Ok(jobs.fetch_all(&self.database.pool()).await?)
    }
}

/// An account as the log names it.
pub(super) fn person(account: &Account) -> Value {
    json!({ "id": flake_text(account.id()), "nickname": account.nickname(), "type": "user" })
}

/// The job that makes Pleroma reload an account.
pub(super) fn reads_anew(account: &Account) -> Value {
    refresh(&json!({ "op": "verify_fields_links", "user_id": flake_text(account.id()) }))
}

/// The job by which every flavour activates or deactivates an account that already has that state.
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

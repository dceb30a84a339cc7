//! `kenoma migrate`

use kenoma_jobs::engine::ledger::{self, MigrateFailed, SchemaState};
use serde_json::json;

use super::{Failure, Output};
use crate::session::{NEWER_LEDGER, Session};

/// Makes or updates schema `kenoma`.
pub(super) async fn run(session: Session, output: Output) -> Result<(), Failure> {
    // An unknown database is refused before anything is written into it.
    session.server().await?;
    let mut db = session.side_pool.acquire().await?;
    let text = match ledger::schema_state(&mut db).await? {
        SchemaState::Current => "kenoma's tables are up to date.",
        SchemaState::Newer => {
            return Err(Failure::Refused(NEWER_LEDGER.to_owned()));
        }
        SchemaState::Missing => {
            migrate(&mut db).await?;
            "kenoma's tables were made in schema kenoma."
        }
        SchemaState::Older => {
            migrate(&mut db).await?;
            "kenoma's tables were brought up to date."
        }
    };
    output.result(text);
    output.object(&json!({ "message": text }));
    Ok(())
}

async fn migrate(db: &mut sqlx::PgConnection) -> Result<(), Failure> {
    ledger::migrate(db).await.map_err(|failed| match failed {
        MigrateFailed::Busy(_) => Failure::Refused(format!(
            "{failed}; nothing was changed. Wait until it has ended, then run it again: it says \
             whether anything is left to do"
        )),
        MigrateFailed::InUse(_) => Failure::Failed(format!(
            "{failed}\nTry again in a moment; workers may go on meanwhile. If it happens again, end \
             what holds them for so long"
        )),
        MigrateFailed::Migrate(_) | MigrateFailed::Database(_) => {
            Failure::Failed(format!("kenoma's tables could not be made: {failed}"))
        }
    })
}

//! `kenoma migrate`

use kenoma_jobs::engine::ledger::{self, SchemaState};
use serde_json::json;

use super::{Failure, Output};
use crate::session::Session;

/// Makes or updates schema `kenoma`.
pub(super) async fn run(session: Session, output: Output) -> Result<(), Failure> {
    // An unknown database is refused before anything is written into it.
    session.server().await?;
    let mut db = session.side_pool.acquire().await?;
    let text = match ledger::schema_state(&mut db).await? {
        SchemaState::Current => "kenoma's tables are up to date.",
        SchemaState::Newer => {
            return Err(Failure::Refused(
                "kenoma's own tables were made by a newer version than this program; update kenoma"
                    .to_owned(),
            ));
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
    ledger::migrate(db)
        .await
        .map_err(|error| Failure::Failed(format!("kenoma's tables could not be made: {error}")))
}

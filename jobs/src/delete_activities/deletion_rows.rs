//! Fields that every new Delete and Undo of an account has (docs/semantics.md 1.2 and 1.4).

use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use ostrakon_server::{Actor, Flake, Recipients, RecipientsForm, Server};

/// Builds an activity that needs nothing of a document in the database.
pub(crate) fn base_activity(
    server: &Server,
    actor: &Actor,
    kind: &str,
    object: &str,
    recipients: &Recipients,
) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("id".to_owned(), server.new_activity_id().into());
    data.insert("type".to_owned(), kind.into());
    data.insert("actor".to_owned(), actor.ap_id.as_str().into());
    data.insert("object".to_owned(), object.into());
    data.insert("to".to_owned(), recipients.to.as_slice().into());
    data.insert("cc".to_owned(), recipients.cc.as_slice().into());
    if server.dialect.recipients == RecipientsForm::Sorted {
        data.insert("bto".to_owned(), json!([]));
        data.insert("bcc".to_owned(), json!([]));
    }
    data
}

/// Inserts an activity of an account. Its recipients are `to`, then `cc`.
pub(crate) async fn insert_activity(
    db: &mut PgConnection,
    actor: &Actor,
    id: Flake,
    data: &Value,
) -> sqlx::Result<()> {
    sqlx::query(include_str!("insert_activity.sql"))
        .bind(id.0)
        .bind(data)
        .bind(&actor.ap_id)
        .execute(db)
        .await?;
    Ok(())
}

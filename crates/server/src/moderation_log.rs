//! The server's own log of its staff's actions (docs/semantics.md 8).

use serde_json::{Map, Value, json};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Flake, Server, nickname_sql};

/// Member of the server's staff, or an account that they act on.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Person {
    /// Row id of the account.
    pub id: Uuid,
    /// Nickname as stored.
    pub nickname: String,
}

impl Person {
    fn json(&self) -> Value {
        json!({ "id": Flake(self.id).to_string(), "nickname": self.nickname, "type": "user" })
    }
}

/// Action that the log can describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModerationAction<'a> {
    /// Created accounts.
    Create,
    /// Removed accounts.
    Delete,
    /// Activated accounts.
    Activate,
    /// Deactivated accounts.
    Deactivate,
    /// Granted a right: `admin` or `moderator`.
    Grant(&'a str),
    /// Revoked a right: `admin` or `moderator`.
    Revoke(&'a str),
    /// Added tags.
    Tag(&'a [String]),
    /// Removed tags.
    Untag(&'a [String]),
    /// Confirmed e-mail addresses.
    ConfirmEmail,
    /// Changed other fields of an account.
    Update,
}

/// Finds an active local admin or moderator by nickname.
pub async fn find_staff(
    db: &mut PgConnection,
    server: &Server,
    nickname: &str,
) -> sqlx::Result<Option<Person>> {
    let sql = nickname_sql!(
        server,
        "select id, nickname::text from public.users
         where nickname = $1::citext and local and is_active and (is_admin or is_moderator)"
    );
    sqlx::query_as(sql).bind(nickname).fetch_optional(db).await
}

/// Finds a staff member by id, even if the account has lost its rights since the request.
async fn find_staff_by_id(db: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Person>> {
    sqlx::query_as(
        "select id, nickname::text from public.users where id = $1 and nickname is not null",
    )
    .bind(id)
    .fetch_optional(db)
    .await
}

/// Writes one entry, in the transaction of the action; none if there are no accounts.
pub async fn log_moderation(
    db: &mut PgConnection,
    staff: &Person,
    action: ModerationAction<'_>,
    accounts: &[Person],
) -> sqlx::Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into public.moderation_log (data, inserted_at, updated_at)
         select $1, moment, moment from date_trunc('second', timezone('UTC', now())) as moment",
    )
    .bind(entry(staff, action, accounts))
    .execute(db)
    .await?;
    Ok(())
}

/// Writes an entry for a run that was requested on behalf of `staff`, if any.
///
/// The staff member of the request stays named, even if the account has lost its rights since. If
/// its row is gone, nobody can be named: the action continues without an entry, and the run keeps
/// the id.
pub async fn log_moderation_for(
    db: &mut PgConnection,
    staff: Option<Uuid>,
    action: ModerationAction<'_>,
    accounts: &[Person],
) -> sqlx::Result<()> {
    let Some(id) = staff else { return Ok(()) };
    match find_staff_by_id(db, id).await? {
        Some(staff) => log_moderation(db, &staff, action, accounts).await,
        None => Ok(()),
    }
}

fn entry(staff: &Person, action: ModerationAction<'_>, accounts: &[Person]) -> Value {
    let mut data = Map::new();
    data.insert("actor".to_owned(), staff.json());
    data.insert("action".to_owned(), action.action().into());
    data.insert("message".to_owned(), message(staff, action, accounts).into());
    let people = || accounts.iter().map(Person::json).collect::<Value>();
    match action {
        ModerationAction::Tag(tags) | ModerationAction::Untag(tags) => {
            let nicknames = accounts.iter().map(|account| account.nickname.as_str());
            data.insert("nicknames".to_owned(), nicknames.collect());
            data.insert("tags".to_owned(), tags.into());
        }
        ModerationAction::Create => {
            data.insert("subjects".to_owned(), people());
        }
        ModerationAction::Grant(permission) | ModerationAction::Revoke(permission) => {
            data.insert("subject".to_owned(), people());
            data.insert("permission".to_owned(), permission.into());
        }
        _ => {
            data.insert("subject".to_owned(), people());
        }
    }
    Value::Object(data)
}

impl ModerationAction<'_> {
    const fn action(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::Grant(_) => "grant",
            Self::Revoke(_) => "revoke",
            Self::Tag(_) => "tag",
            Self::Untag(_) => "untag",
            Self::ConfirmEmail => "confirm_email",
            Self::Update => "updated_users",
        }
    }
}

fn message(staff: &Person, action: ModerationAction<'_>, accounts: &[Person]) -> String {
    let who = &staff.nickname;
    let whom = accounts
        .iter()
        .map(|person| format!("@{}", person.nickname))
        .collect::<Vec<_>>()
        .join(", ");
    match action {
        ModerationAction::Create => format!("@{who} created users: {whom}"),
        ModerationAction::Delete => format!("@{who} deleted users: {whom}"),
        ModerationAction::Activate => format!("@{who} activated users: {whom}"),
        ModerationAction::Deactivate => format!("@{who} deactivated users: {whom}"),
        ModerationAction::Grant(right) => format!("@{who} made {whom} {right}"),
        ModerationAction::Revoke(right) => format!("@{who} revoked {right} role from {whom}"),
        ModerationAction::Tag(tags) => {
            format!("@{who} added tags: {} to users: {whom}", tags.join(", "))
        }
        ModerationAction::Untag(tags) => {
            format!("@{who} removed tags: {} from users: {whom}", tags.join(", "))
        }
        ModerationAction::ConfirmEmail => format!("@{who} confirmed email for users: {whom}"),
        ModerationAction::Update => format!("@{who} updated users: {whom}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(number: u128, nickname: &str) -> Person {
        Person { id: Uuid::from_u128(number), nickname: nickname.to_owned() }
    }

    #[test]
    fn an_entry_has_the_servers_shape() {
        let (boss, alice, bob) = (person(1, "boss"), person(2, "alice"), person(3, "bob"));
        assert_eq!(
            entry(&boss, ModerationAction::Deactivate, &[alice.clone(), bob]),
            json!({
                "actor": { "id": "1", "nickname": "boss", "type": "user" },
                "action": "deactivate",
                "message": "@boss deactivated users: @alice, @bob",
                "subject": [
                    { "id": "2", "nickname": "alice", "type": "user" },
                    { "id": "3", "nickname": "bob", "type": "user" },
                ],
            })
        );
        let tags = ["a".to_owned(), "b".to_owned()];
        assert_eq!(
            entry(&boss, ModerationAction::Tag(&tags), &[alice]),
            json!({
                "actor": { "id": "1", "nickname": "boss", "type": "user" },
                "action": "tag",
                "message": "@boss added tags: a, b to users: @alice",
                "nicknames": ["alice"],
                "tags": ["a", "b"],
            })
        );
    }
}

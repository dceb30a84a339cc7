//! Rows of a new account (docs/semantics.md 5.3).

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    super::{AccountColumns, KeyPair, LocalAddresses, Server, random_token},
    Candidate, Fault,
    candidate::featured_address,
};

/// Account to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewAccount<'a> {
    /// Names, address and bio of the account.
    pub candidate: Candidate<'a>,
    /// Hash of the password, as text.
    pub password_hash: &'a str,
    /// Key pair; not written where the server generates keys itself when it needs them.
    pub keys: &'a KeyPair,
}

/// Reason why an account was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Another session took the nickname or address first.
    #[error(transparent)]
    Taken(Fault),
    /// Any other database error.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

#[derive(FromRow)]
struct Columns {
    featured_address: bool,
    accepts_chat_messages: bool,
    keys: bool,
    signing_keys: bool,
}

/// Creates a local account, and returns its id. The candidate must have no faults.
pub async fn create_account(
    db: &mut PgConnection,
    server: &Server,
    new: &NewAccount<'_>,
) -> Result<Uuid, CreateError> {
    let flake = server.flakes.generate();
    let (id, ap_id) = (flake.0, new.candidate.ap_id(server, flake));
    insert_user(db, server, (id, &ap_id), new).await.map_err(taken)?;
    let columns: Columns =
        sqlx::query_as(include_str!("sql/columns.sql")).fetch_one(&mut *db).await?;
    if columns.featured_address {
        sqlx::query("update public.users set featured_address = $2 where id = $1")
            .bind(id)
            .bind(featured_address(&ap_id))
            .execute(&mut *db)
            .await?;
    }
    if columns.accepts_chat_messages && server.dialect.chats {
        sqlx::query("update public.users set accepts_chat_messages = true where id = $1")
            .bind(id)
            .execute(&mut *db)
            .await?;
    }
    write_keys(db, server, (id, &ap_id), new.keys, &columns).await?;
    Ok(id)
}

/// Makes a new account a moderator or an admin. Must run after the steps that follow the
/// registration, so that the newcomer does not get the mails for the staff.
pub async fn give_roles(
    db: &mut PgConnection,
    account: Uuid,
    moderator: bool,
    admin: bool,
) -> sqlx::Result<()> {
    sqlx::query("update public.users set is_moderator = $2, is_admin = $3 where id = $1")
        .bind(account)
        .bind(moderator)
        .bind(admin)
        .execute(db)
        .await?;
    Ok(())
}

async fn insert_user(
    db: &mut PgConnection,
    server: &Server,
    (id, ap_id): (Uuid, &str),
    new: &NewAccount<'_>,
) -> sqlx::Result<()> {
    let rules = &server.registration;
    let sql = match (server.dialect.local_addresses, server.dialect.account_columns) {
        (LocalAddresses::ById, _) => include_str!("sql/akkoma_3_20_insert.sql"),
        (_, AccountColumns::Active) => include_str!("sql/insert.sql"),
        (_, AccountColumns::Deactivated) => include_str!("sql/pleroma22_insert.sql"),
    };
    let confirmed = server.dialect.confirms_new_accounts || !rules.account_activation_required;
    let Candidate { nickname, email, name, bio } = new.candidate;
    let insert = sqlx::query(sql)
        .bind(id)
        .bind(nickname)
        .bind(name)
        .bind(email)
        .bind(bio)
        .bind(new.password_hash)
        .bind(ap_id)
        .bind(confirmed)
        .bind(!rules.account_approval_required)
        .bind((!confirmed).then(random_token));
    let insert = match server.dialect.local_addresses {
        LocalAddresses::ByNickname => insert,
        LocalAddresses::ById => insert.bind(new.candidate.profile_address(server)),
    };
    insert.execute(db).await?;
    Ok(())
}

/// Stores the keys where the server looks for them. Akkoma moved them into a separate table; some of
/// its releases have both, and use the table.
async fn write_keys(
    db: &mut PgConnection,
    server: &Server,
    (id, ap_id): (Uuid, &str),
    keys: &KeyPair,
    columns: &Columns,
) -> sqlx::Result<()> {
    if columns.keys && !columns.signing_keys && server.dialect.makes_keys {
        sqlx::query("update public.users set keys = $2 where id = $1")
            .bind(id)
            .bind(&keys.private)
            .execute(&mut *db)
            .await?;
    }
    if columns.signing_keys {
        sqlx::query(
            "insert into public.signing_keys
               (key_id, user_id, private_key, public_key, inserted_at, updated_at)
             select $1, $2, $3, $4, moment, moment
             from date_trunc('second', timezone('UTC', now())) as moment",
        )
        .bind(format!("{ap_id}#main-key"))
        .bind(id)
        .bind(&keys.private)
        .bind(&keys.public)
        .execute(db)
        .await?;
    }
    Ok(())
}

/// Returns which unique column was taken between the check and the insert.
fn taken(error: sqlx::Error) -> CreateError {
    let fault = error
        .as_database_error()
        .filter(|error| error.is_unique_violation())
        .and_then(|error| error.constraint())
        .and_then(|index| match index {
            "users_nickname_index" | "users_casefolded_nickname_index" => {
                Some(Fault::NicknameTaken)
            }
            "users_email_index" => Some(Fault::EmailTaken),
            "users_ap_id_index" => Some(Fault::AddressTaken),
            _ => None,
        });
    fault.map_or(CreateError::Database(error), CreateError::Taken)
}

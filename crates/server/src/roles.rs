//! Roles of an account, and whether it approves followers by hand (docs/semantics.md 4.2).

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Server, dialect_sql};

/// Role or switch of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May administrate.
    Admin,
    /// May moderate.
    Moderator,
    /// Approves followers by hand.
    Locked,
}

/// Sets a role or switch of an account. Returns whether that changed it.
///
/// `akkoma`: an account that is neither admin nor moderator any more loses the notifications of
/// reports.
pub async fn set_role(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
    role: Role,
    on: bool,
) -> sqlx::Result<bool> {
    let sql = match role {
        Role::Admin => {
            "update public.users
             set is_admin = $2, updated_at = date_trunc('second', timezone('UTC', now()))
             where id = $1 and is_admin <> $2"
        }
        Role::Moderator => {
            "update public.users
             set is_moderator = $2, updated_at = date_trunc('second', timezone('UTC', now()))
             where id = $1 and is_moderator <> $2"
        }
        Role::Locked if !server.schema.is_locked => {
            "update public.users
             set locked = $2, updated_at = date_trunc('second', timezone('UTC', now()))
             where id = $1 and locked <> $2"
        }
        Role::Locked => {
            "update public.users
             set is_locked = $2, updated_at = date_trunc('second', timezone('UTC', now()))
             where id = $1 and is_locked <> $2"
        }
    };
    let written = sqlx::query(sql).bind(account).bind(on).execute(&mut *db).await?;
    let turned = written.rows_affected() > 0;
    if turned && !on && role != Role::Locked && server.dialect.report_notifications {
        forget_reports(db, account).await?;
    }
    Ok(turned)
}

/// Deletes the notifications of reports of an account that has just lost its last role.
async fn forget_reports(db: &mut PgConnection, account: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "delete from public.notifications n using public.users u
         where u.id = $1 and not u.is_admin and not u.is_moderator
           and n.user_id = u.id and n.type = 'pleroma:report'",
    )
    .bind(account)
    .execute(db)
    .await?;
    Ok(())
}

/// Whether an account is the only active admin of this server. Locks the rows of all active admins:
/// if two admins resign simultaneously, one of them must see that the other is gone.
pub async fn is_last_admin(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<bool> {
    let sql = dialect_sql!(
        server,
        "select id from public.users where local and is_admin and is_active
         order by id for no key update"
    );
    let admins: Vec<Uuid> = sqlx::query_scalar(sql).fetch_all(db).await?;
    Ok(admins == [account])
}

//! The host's accounts, which go when nothing of them is left.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Cursor, PurgeInstance, Traces, count, known::Known, most, nothing_left, sql};
use ostrakon_engine::{Batch, JobError};
use ostrakon_server::{Pins, Server};

impl PurgeInstance {
    /// Removes the next accounts; foreign keys take along what is left of them. Accounts that stay
    /// lose what else they have.
    pub(super) async fn accounts(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        after: Uuid,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let begin = known.accounts.partition_point(|account| *account <= after);
        let rest = known.accounts.get(begin..).unwrap_or_default();
        let accounts = rest.get(..most(limit).min(rest.len())).unwrap_or(rest);
        let Some(last) = accounts.last().copied() else {
            return Ok(nothing_left(Cursor::Traces { table: Traces::MutedThreads, after: 0 }));
        };
        let staying = self.staying(db, server, known, accounts).await?;
        let (stay, go): (Vec<Uuid>, Vec<Uuid>) =
            accounts.iter().partition(|account| staying.contains(account));
        let removed = sqlx::query("delete from public.users where id = any ($1) and not local")
            .bind(&go)
            .execute(&mut *db)
            .await?
            .rows_affected();
        if !stay.is_empty() {
            empty(db, server, &stay).await?;
        }
        let done = i64::try_from(removed).unwrap_or(i64::MAX);
        let rows = Some(count(accounts));
        Ok(Batch { rows, ..Batch::go_on(done, Cursor::Accounts { after: last }) })
    }

    /// Accounts that stay: all, or those to which a report refers, that are followed, or of which
    /// something is left.
    async fn staying(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        accounts: &[Uuid],
    ) -> sqlx::Result<HashSet<Uuid>> {
        if self.keep.accounts {
            return Ok(accounts.iter().copied().collect());
        }
        let left: Vec<Uuid> = sqlx::query_scalar(sql::staying_accounts(server))
            .bind(accounts)
            .fetch_all(&mut *db)
            .await?;
        let reported: Vec<Uuid> = sqlx::query_scalar(
            "select u.id from unnest($1::uuid[]) as given (id),
                  lateral (select id, ap_id from public.users where id = given.id offset 0) u
             where u.ap_id = any ($2)",
        )
        .bind(accounts)
        .bind(known.kept.iter().chain(&known.kept_actors).collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
        Ok(left.into_iter().chain(reported).collect())
    }
}

/// Removes what accounts that stay have besides their rows, and counts their posts again. What local
/// accounts have about them stays, such as blocks.
async fn empty(db: &mut PgConnection, server: &Server, accounts: &[Uuid]) -> sqlx::Result<()> {
    for statement in [
        "delete from public.user_relationships where source_id = any ($1)",
        "delete from public.deliveries where user_id = any ($1)",
        include_str!("sql/count_posts.sql"),
    ] {
        sqlx::query(statement).bind(accounts).execute(&mut *db).await?;
    }
    let unpin = match server.dialect.pins {
        Pins::Objects => include_str!("sql/unpin.sql"),
        Pins::Activities => include_str!("sql/pleroma22_unpin.sql"),
    };
    sqlx::query(unpin).bind(accounts).execute(db).await?;
    Ok(())
}

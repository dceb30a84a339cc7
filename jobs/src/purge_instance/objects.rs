//! Objects of the host's actors that have no activity, and chats with these actors.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    ClaimState, Cursor, PurgeInstance, count,
    known::{Known, LIST_MAX},
    most, nothing_left,
    removal::{Applied, Removal},
    sql,
};
use ostrakon_engine::{Batch, JobError, List};
use ostrakon_server::Server;

/// Next numbers of a list, or what is read if the list does not reach so far.
fn behind(list: Option<&List<i64>>, after: i64, limit: i64) -> Option<Vec<i64>> {
    Some(list?.behind(after)?.iter().take(most(limit)).copied().collect())
}

impl PurgeInstance {
    /// Removes the next objects without an activity.
    pub(super) async fn objects(
        &self,
        db: &mut PgConnection,
        server: &Server,
        (state, known): (&mut ClaimState, &Known),
        after: i64,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let rows = self.next_objects(db, server, (state, known), after, limit).await?;
        let Some((last, done)) = remove(db, server, known, after, rows, limit).await? else {
            return Ok(nothing_left(Cursor::ChatMessages { after: 0 }));
        };
        Ok(Batch::go_on(done, Cursor::Objects { after: last }))
    }

    pub(super) async fn next_objects(
        &self,
        db: &mut PgConnection,
        server: &Server,
        (state, known): (&mut ClaimState, &Known),
        after: i64,
        limit: i64,
    ) -> sqlx::Result<Vec<i64>> {
        if let Some(found) = behind(state.objects.as_ref(), after, limit) {
            return Ok(found);
        }
        let found: Vec<i64> = sqlx::query_scalar(sql::objects(server))
            .bind(known.losing_objects())
            .bind(after)
            .bind(LIST_MAX)
            .bind(&known.kept)
            .bind(self.keep.liked)
            .bind(self.keep.replied_to)
            .fetch_all(db)
            .await?;
        state.objects = Some(List::new(after, found, LIST_MAX));
        Ok(behind(state.objects.as_ref(), after, limit).unwrap_or_default())
    }

    /// Removes the next messages in chats, and at last the chats themselves.
    pub(super) async fn chat_messages(
        &self,
        db: &mut PgConnection,
        server: &Server,
        (state, known): (&mut ClaimState, &Known),
        after: i64,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let next = Cursor::Relations { after: 0 };
        if !server.dialect.chats {
            return Ok(nothing_left(next));
        }
        let rows = self.next_chat_messages(db, (state, known), after, limit).await?;
        if let Some((last, done)) = remove(db, server, known, after, rows, limit).await? {
            return Ok(Batch::go_on(done, Cursor::ChatMessages { after: last }));
        }
        let chats: Vec<Uuid> = sqlx::query_scalar(include_str!("sql/chats.sql"))
            .bind(known.losing_objects())
            .bind(limit)
            .fetch_all(&mut *db)
            .await?;
        if chats.is_empty() {
            return Ok(nothing_left(next));
        }
        sqlx::query("delete from public.chats where id = any ($1)")
            .bind(&chats)
            .execute(db)
            .await?;
        // A message may have been sent meanwhile.
        state.chat_messages = None;
        let rows = Some(count(&chats));
        Ok(Batch { rows, ..Batch::go_on(0, Cursor::ChatMessages { after }) })
    }

    pub(super) async fn next_chat_messages(
        &self,
        db: &mut PgConnection,
        (state, known): (&mut ClaimState, &Known),
        after: i64,
        limit: i64,
    ) -> sqlx::Result<Vec<i64>> {
        if let Some(found) = behind(state.chat_messages.as_ref(), after, limit) {
            return Ok(found);
        }
        let found: Vec<i64> = sqlx::query_scalar(include_str!("sql/chat_messages.sql"))
            .bind(known.losing_objects())
            .bind(after)
            .bind(LIST_MAX)
            .bind(&known.kept)
            .fetch_all(db)
            .await?;
        state.chat_messages = Some(List::new(after, found, LIST_MAX));
        Ok(behind(state.chat_messages.as_ref(), after, limit).unwrap_or_default())
    }
}

/// Removes objects with what is about them: as many as fit into one transaction. Returns the last of
/// them; the position stays where only a portion of what is about the first one was removed.
async fn remove(
    db: &mut PgConnection,
    server: &Server,
    known: &Known,
    after: i64,
    mut rows: Vec<i64>,
    limit: i64,
) -> Result<Option<(i64, i64)>, JobError> {
    loop {
        let Some(last) = rows.last().copied() else { return Ok(None) };
        let removal = Removal::find_rows(db, server, known, &rows, limit).await?;
        if removal.fits() || rows.len() == 1 {
            let Applied { done, whole, .. } = removal.apply(db, server, known, limit).await?;
            return Ok(Some((if whole { last } else { after }, done)));
        }
        rows.truncate(rows.len() / 2);
    }
}

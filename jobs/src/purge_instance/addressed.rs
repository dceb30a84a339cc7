//! Closed reports on the host's accounts, and what others did to these accounts.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Cursor, PurgeInstance, Traces, count,
    known::{Actor, Known},
    most, nothing_left,
    removal::{Activity, Removal, remove_report_notes},
    sql,
};
use ostrakon_engine::{Batch, JobError};
use ostrakon_server::Server;

/// Next actors of whom nothing is kept.
pub(super) fn next<'a>(known: &'a Known, after: &str, limit: i64) -> &'a [Actor] {
    let begin = known.actors.partition_point(|actor| actor.ap_id.as_str() <= after);
    let rest = known.actors.get(begin..).unwrap_or_default();
    rest.get(..most(limit).min(rest.len())).unwrap_or(rest)
}

impl PurgeInstance {
    /// Removes the next closed reports, with the notes on them.
    pub(super) async fn reports(
        &self,
        db: &mut PgConnection,
        _server: &Server,
        known: &Known,
        after: Uuid,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let closed = &known.closed_reports;
        let begin = closed.partition_point(|report| *report <= after);
        let next: Vec<Uuid> =
            closed.get(begin..).unwrap_or_default().iter().take(most(limit)).copied().collect();
        let Some(last) = next.last().copied() else {
            return Ok(nothing_left(Cursor::Addressed { actor: String::new() }));
        };
        // A moderator may have reopened one.
        let still_closed: Vec<Uuid> = sqlx::query_scalar(
            "select a.id from public.activities a
             where a.id = any ($1) and a.data ->> 'type' = 'Flag'
               and a.data ->> 'state' in ('resolved', 'closed')
             order by a.id for update",
        )
        .bind(&next)
        .fetch_all(&mut *db)
        .await?;
        remove_report_notes(db, &still_closed).await?;
        let removed = sqlx::query("delete from public.activities a where a.id = any ($1)")
            .bind(&still_closed)
            .execute(db)
            .await?
            .rows_affected();
        let done = i64::try_from(removed).unwrap_or(i64::MAX);
        Ok(Batch {
            rows: Some(count(&next)),
            ..Batch::go_on(done, Cursor::Reports { after: last })
        })
    }

    /// Removes what others did to the next accounts. The position stays while there is more.
    pub(super) async fn addressed(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        actor: String,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let actors = next(known, &actor, limit);
        let Some(last) = actors.last() else {
            return Ok(nothing_left(Cursor::Traces { table: Traces::Lists, after: 0 }));
        };
        let losing: Vec<&str> = actors
            .iter()
            .filter(|actor| !actor.keeps_posts)
            .map(|actor| actor.ap_id.as_str())
            .collect();
        let mut found: Vec<Activity> = sqlx::query_as(sql::addressed(server))
            .bind(&losing)
            .bind(self.spellings())
            .bind(limit)
            .fetch_all(&mut *db)
            .await?;
        let mut all = count(&found) < limit;
        found.retain(|activity| !known.stays(activity));
        let nothing = found.is_empty();
        let mut done = 0;
        if !nothing {
            let removal = Removal::find_answers(db, server, known, found, limit).await?;
            let applied = removal.apply(db, server, known, limit).await?;
            done = applied.done;
            all = all && applied.whole;
        }
        let next = if all || nothing {
            Cursor::Addressed { actor: last.ap_id.clone() }
        } else {
            Cursor::Addressed { actor }
        };
        Ok(Batch::go_on(done, next))
    }
}

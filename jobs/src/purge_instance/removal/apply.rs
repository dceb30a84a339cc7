//! Removing what was found.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Activity, Applied, Removal};
use crate::{
    delete_activities::{allowance, remove_hashtags},
    purge_instance::known::Known,
};
use ostrakon_engine::shorten_lock_timeout;
use ostrakon_server::Server;

impl Removal {
    /// Removes it, or only a portion of what is about it.
    pub(in crate::purge_instance) async fn apply(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        limit: i64,
    ) -> sqlx::Result<Applied> {
        let allowed = usize::try_from(allowance(limit)).unwrap_or(usize::MAX);
        if self.about.len() > allowed {
            let portion: Vec<&Activity> = self.about.iter().take(allowed).collect();
            let done = remove_activities(db, known, &portion).await?;
            return Ok(Applied { done, ..Applied::default() });
        }
        let taken_out = self.correct_others(db, server, known).await?;
        let rows: Vec<i64> = self.objects.iter().map(|object| object.row).collect();
        let mut done = remove_objects(db, server, known, &rows).await?;
        self.remove_threads(db, server).await?;
        // A session that posts locks the host's counter before the post that it answers.
        shorten_lock_timeout(db).await?;
        done += remove_activities(db, known, &self.all().collect::<Vec<_>>()).await?;
        Ok(Applied { done, whole: true, taken_out })
    }

    /// Removes conversations of which no post is left.
    async fn remove_threads(&self, db: &mut PgConnection, server: &Server) -> sqlx::Result<()> {
        let posts = self.all().filter(|activity| activity.kind == "Create");
        let contexts: BTreeSet<&str> = posts
            .filter_map(|post| post.context.as_deref())
            .chain(self.objects.iter().filter_map(|object| object.context.as_deref()))
            .collect();
        if contexts.is_empty() {
            return Ok(());
        }
        let dead: Vec<String> = sqlx::query_scalar(include_str!("../sql/dead_threads.sql"))
            .bind(contexts.into_iter().collect::<Vec<_>>())
            .bind(self.all().map(|activity| activity.id).collect::<Vec<_>>())
            .fetch_all(&mut *db)
            .await?;
        if dead.is_empty() {
            return Ok(());
        }
        sqlx::query("delete from public.conversations where ap_id = any ($1)")
            .bind(&dead)
            .execute(&mut *db)
            .await?;
        if server.dialect.context_ids {
            sqlx::query(
                "delete from public.objects o
                 where o.data ->> 'id' = any ($1) and o.data - 'id' = '{}'",
            )
            .bind(&dead)
            .execute(db)
            .await?;
        }
        Ok(())
    }
}

/// Removes objects with their hashtags and deliveries; rows of chats go by foreign key. Returns how
/// many are items of the plan.
async fn remove_objects(
    db: &mut PgConnection,
    server: &Server,
    known: &Known,
    rows: &[i64],
) -> sqlx::Result<i64> {
    if rows.is_empty() {
        return Ok(0);
    }
    remove_hashtags(db, server, rows).await?;
    sqlx::query("delete from public.deliveries where object_id = any ($1)")
        .bind(rows)
        .execute(&mut *db)
        .await?;
    let removed: Vec<Option<String>> = sqlx::query_scalar(
        "delete from public.objects o where o.id = any ($1) returning o.data ->> 'actor'",
    )
    .bind(rows)
    .fetch_all(db)
    .await?;
    let items = removed
        .into_iter()
        .flatten()
        .filter(|actor| known.actor(actor).is_some_and(|actor| !actor.keeps_posts));
    Ok(i64::try_from(items.count()).unwrap_or(i64::MAX))
}

/// Removes activities, with the notes on those that are reports. Returns how many are items of the
/// plan.
async fn remove_activities(
    db: &mut PgConnection,
    known: &Known,
    activities: &[&Activity],
) -> sqlx::Result<i64> {
    if activities.is_empty() {
        return Ok(0);
    }
    let reports: Vec<Uuid> =
        activities.iter().filter(|a| a.kind == "Flag").map(|activity| activity.id).collect();
    remove_report_notes(db, &reports).await?;
    let removed: Vec<(Option<String>, Option<String>)> = sqlx::query_as(
        "delete from public.activities a where a.id = any ($1)
         returning a.actor::text, a.data ->> 'type'",
    )
    .bind(activities.iter().map(|activity| activity.id).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    let items = removed.iter().filter(|(actor, kind)| {
        known.counts(actor.as_deref(), kind.as_deref().unwrap_or_default())
    });
    Ok(i64::try_from(items.count()).unwrap_or(i64::MAX))
}

/// Removes the notes on reports: their foreign key need not cascade.
pub(in crate::purge_instance) async fn remove_report_notes(
    db: &mut PgConnection,
    reports: &[Uuid],
) -> sqlx::Result<()> {
    if reports.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from public.report_notes where activity_id = any ($1)")
        .bind(reports)
        .execute(db)
        .await?;
    Ok(())
}

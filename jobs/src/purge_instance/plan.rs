//! Counts of what a purge removes.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Keep, PurgeInstance, below_note, count,
    known::{ClaimState, Known, LIST_MAX},
    sql,
};
use crate::deactivate_instance::Host;
use ostrakon_engine::{Count, JobError};
use ostrakon_server::{Server, dialect_sql, missing_index_notes, stale_note};

/// Maximum number of actors whose rows one statement counts.
const COUNTED_AT_ONCE: usize = 10_000;

impl PurgeInstance {
    /// Counts what does not stay, per kind.
    pub(super) async fn counts(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
    ) -> sqlx::Result<Vec<Count>> {
        let (mut posts, mut likes, mut others) = (0, 0, 0);
        for some in known.actors.chunks(COUNTED_AT_ONCE) {
            let (actors, keep_posts) = Known::bound(some);
            let (some_posts, some_likes, some_others): (i64, i64, i64) =
                sqlx::query_as(sql::count_activities(server))
                    .bind(actors)
                    .bind(keep_posts)
                    .bind(&known.kept)
                    .bind(self.keep.liked)
                    .bind(self.keep.replied_to)
                    .fetch_one(&mut *db)
                    .await?;
            posts += some_posts;
            likes += some_likes;
            others += some_others;
        }
        let objects = self.count_objects(db, server, known).await?;
        let relations = count_relations(db, known).await?;
        let accounts = self.count_accounts(db, server, known).await?;
        Ok(vec![
            Count::new("posts", posts),
            Count::new("reactions", likes),
            Count::new("other actions", others),
            Count::new("objects", objects),
            Count::new("follow relations", relations),
            Count::new("closed reports", count(&known.closed_reports)),
            Count::new("accounts", accounts),
            Count::new("rows of instances", known.instances),
        ])
    }

    async fn count_objects(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
    ) -> sqlx::Result<i64> {
        let losing = known.losing_objects();
        let (mut objects, mut after) = (0, 0);
        loop {
            let some: Vec<i64> = sqlx::query_scalar(sql::objects(server))
                .bind(&losing)
                .bind(after)
                .bind(LIST_MAX)
                .bind(&known.kept)
                .bind(self.keep.liked)
                .bind(self.keep.replied_to)
                .fetch_all(&mut *db)
                .await?;
            objects += count(&some);
            match some.last() {
                Some(&last) if count(&some) == LIST_MAX => after = last,
                _ => return Ok(objects),
            }
        }
    }

    /// Counts accounts that go: those of which nothing stays.
    async fn count_accounts(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
    ) -> sqlx::Result<i64> {
        if self.keep.accounts {
            return Ok(0);
        }
        let reported: HashSet<&str> = known.kept.iter().map(String::as_str).collect();
        let mut staying: HashSet<String> = HashSet::new();
        let something_stays = !known.kept.is_empty() || self.keep != Keep::default();
        if something_stays {
            for some in known.actors.chunks(COUNTED_AT_ONCE) {
                let (actors, keep_posts) = Known::bound(some);
                let actors: Vec<String> = sqlx::query_scalar(sql::staying_actors(server))
                    .bind(actors)
                    .bind(keep_posts)
                    .bind(&known.kept)
                    .bind(self.keep.liked)
                    .bind(self.keep.replied_to)
                    .fetch_all(&mut *db)
                    .await?;
                staying.extend(actors);
            }
        }
        let going = known.actors.iter().filter(|actor| {
            actor.account.is_some()
                && !reported.contains(actor.ap_id.as_str())
                && !staying.contains(&actor.ap_id)
        });
        Ok(i64::try_from(going.count()).unwrap_or(i64::MAX))
    }

    /// Notes for the operator.
    pub(super) async fn notes(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        counts: &[Count],
    ) -> sqlx::Result<Vec<String>> {
        let host = self.host.as_str();
        let mut notes = Vec::new();
        if known.below > 0 {
            notes.push(below_note(host, known.below));
        }
        if counts.iter().all(|count| count.items == 0) {
            return Ok(notes);
        }
        let followers = active_followers(db, server, &self.host, self.include_subdomains).await?;
        if followers > 0 {
            let accounts = if followers == 1 {
                "1 active local account follows".to_owned()
            } else {
                format!("{followers} active local accounts follow")
            };
            notes.push(format!("{accounts} somebody at {host}"));
        }
        notes.push(
            "the server keeps what it has in memory, profiles and posts, until it is restarted"
                .to_owned(),
        );
        notes.extend(stale_note(server, "counters of accounts"));
        notes.extend(missing_index_notes(db).await?);
        Ok(notes)
    }
}

async fn count_relations(db: &mut PgConnection, known: &Known) -> sqlx::Result<i64> {
    let left = known.left_by_followers();
    let (mut relations, mut after) = (0, 0);
    loop {
        let some: Vec<i64> = sqlx::query_scalar(include_str!("sql/relations.sql"))
            .bind(&known.accounts)
            .bind(&left)
            .bind(after)
            .bind(LIST_MAX)
            .fetch_all(&mut *db)
            .await?;
        relations += count(&some);
        match some.last() {
            Some(&last) if count(&some) == LIST_MAX => after = last,
            _ => return Ok(relations),
        }
    }
}

/// Counts the active local accounts that follow somebody at a host, and at its sub-domains if
/// `include_subdomains`.
///
/// # Errors
/// Those of the database.
pub async fn active_followers(
    db: &mut PgConnection,
    server: &Server,
    host: &Host,
    include_subdomains: bool,
) -> sqlx::Result<i64> {
    let job = PurgeInstance::new(host.clone(), include_subdomains, Keep::default());
    let accounts: Vec<Uuid> = sqlx::query_scalar(sql::FOLLOWED_ACCOUNTS)
        .bind(job.spellings())
        .bind(job.suffixes())
        .fetch_all(&mut *db)
        .await?;
    sqlx::query_scalar(dialect_sql!(server, include_str!("sql/active_followers.sql")))
        .bind(accounts)
        .fetch_one(db)
        .await
}

/// Returns a note if nothing of the host is known. The note counts the accounts of sub-domains if
/// these are not included.
///
/// # Errors
/// Those of the database.
pub async fn unknown(
    db: &mut PgConnection,
    server: &Server,
    job: &PurgeInstance,
) -> Result<Option<String>, JobError> {
    let mut state = ClaimState::default();
    let known = state.known(job, db, server).await?;
    if known.all > 0 || !known.actors.is_empty() || known.instances > 0 {
        return Ok(None);
    }
    Ok(Some(crate::deactivate_instance::unknown_note(&job.host, known.below)))
}

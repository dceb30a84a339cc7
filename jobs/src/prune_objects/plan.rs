//! What a run will do, counted in one statement.

use ostrakon_engine::{Count, JobError, Plan};
use ostrakon_server::{Server, missing_index_notes, missing_object_index_notes};
use sqlx::{FromRow, PgConnection};

use super::{ClaimState, Cursor, PruneObjects, newest, sql};
use crate::prune_activities::KIND;

#[derive(FromRow)]
struct Counted {
    objects: i64,
    last_thread: Option<String>,
    bookmarks: i64,
    activities: i64,
    hashtags: i64,
    reply_counts: i64,
}

impl PruneObjects {
    /// Counts what there is to do, and what there will be once the objects are gone.
    pub(super) async fn planned(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
    ) -> Result<Plan<Cursor>, JobError> {
        let options = &self.options;
        let newest = newest(&mut *db).await?;
        let reported = state.reports.named(&mut *db, server).await?;
        let pins = if options.keep_pinned { state.pins.all(&mut *db).await? } else { Vec::new() };
        let counted: Counted = sqlx::query_as(sql::count(server, options.keep_threads))
            .bind(self.before.naive_utc())
            .bind(&server.host)
            .bind(reported)
            .bind(options.keep_non_public)
            .bind(options.keep_followed.name())
            .bind(options.limit)
            .bind(pins)
            .bind(options.prune_orphaned_activities)
            .bind(server.dialect.prunes_reports)
            .bind(newest)
            .bind(options.fix_replies_count)
            .fetch_one(&mut *db)
            .await?;
        let mut cursor = self.start(&mut *db).await?;
        if let Cursor::Objects { last_thread, .. } = &mut cursor {
            let limited = options.keep_threads && options.limit.is_some();
            // Without any thread to go, none goes later either.
            *last_thread = limited.then(|| counted.last_thread.clone().unwrap_or_default());
        }
        let mut notes = missing_object_index_notes(&mut *db).await?;
        if counted.objects > 0 && !options.keep_threads && !options.keep_non_public {
            let chats = if server.dialect.chats { "chat messages, " } else { "" };
            notes.push(format!(
                "{chats}direct messages and posts for followers are deleted as well; \
                 --keep-non-public keeps them"
            ));
        }
        if options.keep_threads || options.prune_orphaned_activities {
            notes.extend(missing_index_notes(&mut *db).await?);
        }
        Ok(Plan { counts: self.counts(server, &counted), notes, cursor })
    }

    /// Position before the first object.
    pub(super) async fn start(&self, db: &mut PgConnection) -> sqlx::Result<Cursor> {
        let until: Option<i64> =
            sqlx::query_scalar("select id from public.objects order by id desc limit 1")
                .fetch_optional(db)
                .await?;
        Ok(Cursor::Objects {
            after: 0,
            until: until.unwrap_or_default(),
            left: self.options.limit.filter(|_| !self.options.keep_threads),
            last_thread: None,
        })
    }

    /// Counts old objects, by a query that is not the one that deletes them.
    pub(super) async fn count_objects(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
    ) -> sqlx::Result<i64> {
        let options = &self.options;
        let reported = state.reports.named(&mut *db, server).await?;
        let pins = if options.keep_pinned { state.pins.all(&mut *db).await? } else { Vec::new() };
        let sql =
            if options.keep_threads { sql::COUNT_OBJECTS_IN_THREADS } else { sql::COUNT_OBJECTS };
        sqlx::query_scalar(sql)
            .bind(self.before.naive_utc())
            .bind(&server.host)
            .bind(reported)
            .bind(options.keep_non_public)
            .bind(options.keep_followed.name())
            .bind(options.limit)
            .bind(pins)
            .fetch_one(db)
            .await
    }

    fn counts(&self, server: &Server, counted: &Counted) -> Vec<Count> {
        let options = &self.options;
        let steps = [
            (true, "objects", counted.objects),
            (!options.keep_threads, "bookmarks", counted.bookmarks),
            (options.prune_orphaned_activities, KIND, counted.activities),
            (server.dialect.hashtags, "unused hashtags", counted.hashtags),
            (options.fix_replies_count, "wrong reply counts", counted.reply_counts),
        ];
        let counts = steps.into_iter().filter(|(is_done, ..)| *is_done);
        counts.map(|(_, kind, items)| Count::new(kind, items)).collect()
    }
}

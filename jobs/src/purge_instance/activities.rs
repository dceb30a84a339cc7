//! The first step: what the host's actors did, one actor after the other.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    Cursor, PurgeInstance, count,
    known::{Actor, Known},
    most, nothing_left,
    removal::{Activity, Applied, Removal},
    sql,
};
use ostrakon_engine::{Batch, JobError};
use ostrakon_server::Server;

/// Minimum number of actors that a batch looks at: most have few activities.
const ACTORS_MIN: usize = 1_000;

/// Activity that was walked over.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Walked {
    /// Number of its actor within the statement, from 1.
    n: i64,
    pub(super) id: Uuid,
    pub(super) actor: String,
    kind: String,
    pub(super) ap_id: Option<String>,
    object: Option<String>,
    context: Option<String>,
    stays: bool,
}

impl Walked {
    fn activity(self) -> Activity {
        let Self { id, actor, kind, ap_id, object, context, .. } = self;
        Activity { id, actor: Some(actor), kind, ap_id, object, context }
    }
}

/// Actors from a position on, and after which activity of the first one.
fn section<'a>(known: &'a Known, (actor, after): (&str, Uuid), limit: i64) -> (&'a [Actor], Uuid) {
    let begin = known.from(actor);
    let rest = known.actors.get(begin..).unwrap_or_default();
    let section = rest.get(..most(limit).max(ACTORS_MIN).min(rest.len())).unwrap_or(rest);
    let same = section.first().is_some_and(|first| first.ap_id == actor);
    (section, if same { after } else { Uuid::nil() })
}

impl PurgeInstance {
    /// Removes the next activities.
    pub(super) async fn activities(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        (actor, after): (String, Uuid),
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let walked = self.next_activities(db, server, known, (&actor, after), limit).await?;
        let Some(last) = walked.last() else {
            let (section, _) = section(known, (&actor, after), limit);
            return Ok(match section.last() {
                // More actors come after those that have nothing.
                Some(last) if known.actors.last().is_some_and(|end| end.ap_id != last.ap_id) => {
                    let behind =
                        Cursor::Activities { actor: last.ap_id.clone(), after: Uuid::max() };
                    Batch { rows: Some(0), ..Batch::go_on(0, behind) }
                }
                _ => nothing_left(Cursor::Objects { after: 0 }),
            });
        };
        let mut behind = Cursor::Activities { actor: last.actor.clone(), after: last.id };
        let rows = count(&walked);
        let mut going: Vec<Walked> = walked.into_iter().filter(|walked| !walked.stays).collect();
        loop {
            let activities = going.iter().cloned().map(Walked::activity).collect();
            let removal = Removal::find(db, server, known, activities, limit).await?;
            if removal.fits() || going.len() <= 1 {
                let Applied { done, whole, taken_out } =
                    removal.apply(db, server, known, limit).await?;
                if !whole {
                    // A post with more about it than one transaction can remove.
                    behind = Cursor::Activities { actor, after };
                }
                let written = taken_out.written()?;
                return Ok(Batch { rows: Some(rows), written, ..Batch::go_on(done, behind) });
            }
            // Nothing is decided about the second half.
            going.truncate(going.len() / 2);
            if let Some(last) = going.last() {
                behind = Cursor::Activities { actor: last.actor.clone(), after: last.id };
            }
        }
    }

    /// Reads the next activities: those that stay, too.
    pub(super) async fn next_activities(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        place: (&str, Uuid),
        limit: i64,
    ) -> Result<Vec<Walked>, JobError> {
        let (section, after) = section(known, place, limit);
        let (actors, keep_posts) = Known::bound(section);
        let walked: Vec<Walked> = sqlx::query_as(sql::walk(server))
            .bind(actors)
            .bind(keep_posts)
            .bind(after)
            .bind(limit)
            .bind(&known.kept)
            .bind(self.keep.liked)
            .bind(self.keep.replied_to)
            .fetch_all(db)
            .await?;
        // The statement has no ORDER BY, for which PostgreSQL would read all of these activities.
        if !walked.is_sorted_by_key(|walked| (walked.n, walked.id)) {
            return Err(JobError::fail("activities were not read in the order of the index"));
        }
        Ok(walked)
    }
}

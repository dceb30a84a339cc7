//! Activities of other accounts about deleted posts, which are removed together with them; in
//! portions where one transaction could not remove them all.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Cursor;
use ostrakon_engine::Batch;
use ostrakon_server::{Actor, Server, dialect_sql};

/// Average number of additional rows per row of a batch. After a time-out a batch has fewer rows,
/// and so fewer additional ones.
const PER_ROW: i64 = 20;

/// Maximum number of additional rows in one batch.
const ROWS_MAX: i64 = 10_000;

/// Limit that no number of rows reaches.
pub(super) const NO_LIMIT: i64 = i64::MAX / 2;

/// Activities about deleted objects.
#[derive(Debug, Default)]
pub(super) struct AboutThem {
    /// Creates of the deleted objects.
    pub(super) posts: Vec<Uuid>,
    /// All other activities about them.
    pub(super) others: Vec<Uuid>,
}

impl AboutThem {
    /// Whether there are more activities than allowed.
    pub(super) fn is_more_than(&self, allowed: i64) -> bool {
        let found = self.posts.len() + self.others.len();
        i64::try_from(found).is_ok_and(|found| found > allowed)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Uuid> {
        self.posts.iter().chain(&self.others).copied()
    }
}

/// Number of additional rows that a batch of `limit` rows may remove.
pub(crate) const fn allowance(limit: i64) -> i64 {
    let rows = limit.saturating_mul(PER_ROW);
    if rows < ROWS_MAX { rows } else { ROWS_MAX }
}

/// Finds the activities about objects: at most one more than allowed, as a sign that there are
/// more.
pub(super) async fn find(
    db: &mut PgConnection,
    server: &Server,
    objects: &[String],
    allowed: i64,
) -> sqlx::Result<AboutThem> {
    if objects.is_empty() {
        return Ok(AboutThem::default());
    }
    let sql = dialect_sql!(server, include_str!("about.sql"));
    let found: Vec<(Uuid, bool)> =
        sqlx::query_as(sql).bind(objects).bind(allowed + 1).fetch_all(db).await?;
    let mut about = AboutThem::default();
    for (id, post) in found {
        if post { about.posts.push(id) } else { about.others.push(id) }
    }
    Ok(about)
}

/// Whether the notifications and bookmarks of activities, which are deleted by foreign key, are no
/// more than allowed.
pub(crate) async fn what_hangs_on_them_fits(
    db: &mut PgConnection,
    activities: &[Uuid],
    allowed: i64,
) -> sqlx::Result<bool> {
    if activities.is_empty() {
        return Ok(true);
    }
    let found: i64 = sqlx::query_scalar(
        "select (select count(*) from (select from public.notifications
                                       where activity_id = any ($1) limit $2 + 1) as hanging)
              + (select count(*) from (select from public.bookmarks
                                       where activity_id = any ($1) limit $2 + 1) as hanging)",
    )
    .bind(activities)
    .bind(allowed)
    .fetch_one(db)
    .await?;
    Ok(found <= allowed)
}

/// Removes a portion of the activities about a single activity of the account, when one transaction
/// could not remove them all. The cursor does not move. `about` is the part that was found.
pub(super) async fn remove_portion(
    db: &mut PgConnection,
    actor: &Actor,
    cursor: Cursor,
    activity: Uuid,
    about: AboutThem,
    allowed: i64,
) -> sqlx::Result<Batch<Cursor>> {
    let portion = if !about.is_more_than(allowed) {
        Vec::new()
    } else if about.others.is_empty() {
        about.posts.iter().copied().filter(|&post| post != activity).collect()
    } else {
        about.others.clone()
    };
    if !portion.is_empty() && what_hangs_on_them_fits(db, &portion, allowed).await? {
        let done = remove_others(db, actor, &cursor, portion).await?;
        return Ok(Batch::go_on(done, cursor));
    }
    let holders: Vec<Uuid> =
        if portion.is_empty() { about.all().chain([activity]).collect() } else { portion };
    for sql in [
        "delete from public.notifications where ctid = any (array(
             select ctid from public.notifications where activity_id = any ($1) limit $2))",
        "delete from public.bookmarks where ctid = any (array(
             select ctid from public.bookmarks where activity_id = any ($1) limit $2))",
    ] {
        sqlx::query(sql).bind(&holders).bind(allowed).execute(&mut *db).await?;
    }
    Ok(Batch::go_on(0, cursor))
}

/// Removes other accounts' activities about deleted objects, and the likes and boosts that are
/// taken back. Counts the actor's own activities that are in the run's plan.
pub(super) async fn remove_others(
    db: &mut PgConnection,
    actor: &Actor,
    cursor: &Cursor,
    others: Vec<Uuid>,
) -> sqlx::Result<i64> {
    if others.is_empty() {
        return Ok(0);
    }
    sqlx::query_scalar(
        "with removed as (
             delete from public.activities a where a.id = any ($1)
             returning a.id, a.actor, a.data ->> 'type' as kind
         )
         select count(*) from removed
         where actor = $2 and id > $3 and id <= $4 and kind in ('Create', 'Like', 'Announce')",
    )
    .bind(others)
    .bind(&actor.ap_id)
    .bind(cursor.after)
    .bind(cursor.until)
    .fetch_one(db)
    .await
}

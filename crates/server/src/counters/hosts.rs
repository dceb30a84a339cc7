//! Numbers of posts by host and visibility: finding and repairing wrong ones (docs/semantics.md 1.7
//! and 10).

use sqlx::{FromRow, PgConnection};

use super::lock_out_other_repairs;

/// Numbers of a host's posts, by visibility.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct HostCounters {
    /// Public posts.
    pub public: i64,
    /// Unlisted posts.
    pub unlisted: i64,
    /// Posts for followers only.
    pub private: i64,
    /// Direct messages.
    pub direct: i64,
}

impl HostCounters {
    /// Each visibility with its number.
    pub const fn by_visibility(&self) -> [(&'static str, i64); 4] {
        let Self { public, unlisted, private, direct } = *self;
        [("public", public), ("unlisted", unlisted), ("private", private), ("direct", direct)]
    }
}

/// A host whose row in `counter_cache` is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongHost {
    /// The host.
    pub instance: String,
    /// What its row says; zeros if it has none.
    pub stored: HostCounters,
    /// What was counted.
    pub counted: HostCounters,
}

#[derive(FromRow)]
struct Row {
    instance: String,
    #[sqlx(flatten)]
    stored: HostCounters,
    public_counted: i64,
    unlisted_counted: i64,
    private_counted: i64,
    direct_counted: i64,
    found: i64,
}

impl From<Row> for WrongHost {
    fn from(row: Row) -> Self {
        let counted = HostCounters {
            public: row.public_counted,
            unlisted: row.unlisted_counted,
            private: row.private_counted,
            direct: row.direct_counted,
        };
        Self { instance: row.instance, stored: row.stored, counted }
    }
}

/// Counts the posts of all hosts: takes a pass over all activities. Returns at most `limit` of the
/// hosts whose numbers are wrong, in the order of their names, and how many there are.
///
/// # Errors
/// Those of the database.
pub async fn examine_hosts(
    db: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<(Vec<WrongHost>, i64)> {
    let exists: bool = sqlx::query_scalar("select to_regclass('public.counter_cache') is not null")
        .fetch_one(&mut *db)
        .await?;
    if !exists {
        return Ok((Vec::new(), 0));
    }
    let rows: Vec<Row> =
        sqlx::query_as(include_str!("hosts.sql")).bind(limit).fetch_all(db).await?;
    let found = rows.first().map_or(0, |row| row.found);
    Ok((rows.into_iter().map(WrongHost::from).collect(), found))
}

/// Adds what was missing, or takes away what was too much, when hosts were examined. The server may
/// have counted on since then: its own changes remain.
///
/// # Errors
/// Those of the database.
pub async fn repair_hosts<'a>(
    db: &mut PgConnection,
    hosts: impl IntoIterator<Item = &'a WrongHost>,
) -> sqlx::Result<()> {
    lock_out_other_repairs(db).await?;
    let (mut instances, mut differences) = (Vec::new(), [const { Vec::new() }; 4]);
    for WrongHost { instance, stored, counted } in hosts {
        instances.push(instance.as_str());
        let numbers = stored.by_visibility().into_iter().zip(counted.by_visibility());
        for (differences, ((_, stored), (_, counted))) in differences.iter_mut().zip(numbers) {
            differences.push(counted - stored);
        }
    }
    let [public, unlisted, private, direct] = differences;
    sqlx::query(include_str!("add_to_hosts.sql"))
        .bind(instances)
        .bind(public)
        .bind(unlisted)
        .bind(private)
        .bind(direct)
        .execute(db)
        .await?;
    Ok(())
}

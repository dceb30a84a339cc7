//! Rows that no index leads to: lists, muted threads, jobs of the server. A pass over each table in
//! the order of its key; these tables are small beside the others. At last the rows about the host.

use sqlx::PgConnection;
use url::Url;
use uuid::Uuid;

use super::{Cursor, PurgeInstance, Traces, count, known::Known, sql};
use ostrakon_engine::{Batch, JobError};
use ostrakon_server::Server;

impl Traces {
    /// Name of the table, for messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lists => "lists",
            Self::MutedThreads => "thread_mutes",
            Self::Jobs => "oban_jobs",
            Self::Host => "instances",
        }
    }

    const fn following(self) -> Option<Self> {
        match self {
            Self::Lists | Self::Host => None,
            Self::MutedThreads => Some(Self::Jobs),
            Self::Jobs => Some(Self::Host),
        }
    }
}

/// Next rows of a table.
pub(super) async fn next(
    db: &mut PgConnection,
    table: Traces,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<i64>> {
    let statement = match table {
        Traces::Lists => "select id from public.lists where id > $1 order by id limit $2",
        Traces::MutedThreads => {
            "select id from public.thread_mutes where id > $1 order by id limit $2"
        }
        Traces::Jobs => "select id from public.oban_jobs where id > $1 order by id limit $2",
        Traces::Host => return Ok(Vec::new()),
    };
    sqlx::query_scalar(statement).bind(after).bind(limit).fetch_all(db).await
}

impl PurgeInstance {
    /// Walks over the next rows.
    pub(super) async fn traces(
        &self,
        db: &mut PgConnection,
        _server: &Server,
        known: &Known,
        (table, after): (Traces, i64),
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let here = Cursor::Traces { table, after };
        let rows = match table {
            Traces::Lists if self.keeps_lists() => Vec::new(),
            _ => next(db, table, after, limit).await?,
        };
        let Some(last) = rows.last().copied() else {
            if table == Traces::Lists {
                // Before the accounts: some are known by their nickname only.
                return Ok(super::nothing_left(Cursor::Accounts { after: Uuid::nil() }));
            }
            if let Some(table) = table.following() {
                return Ok(super::nothing_left(Cursor::Traces { table, after: 0 }));
            }
            let done = self.remove_host(db, known).await?;
            return Ok(Batch { end: true, ..Batch::go_on(done, here) });
        };
        let (hosts, suffixes) = (self.spellings(), self.suffixes());
        let statement = match table {
            Traces::Lists => sql::UNLIST,
            Traces::MutedThreads => sql::UNMUTE,
            Traces::Jobs => sql::REMOVE_JOBS_OF_HOST,
            Traces::Host => return Ok(Batch::end(here)),
        };
        let query = sqlx::query(statement).bind(hosts).bind(suffixes).bind(&rows);
        if table == Traces::Lists {
            let elsewhere = self.actors_elsewhere(known);
            query.bind(elsewhere).bind(known.staying_in_lists()).execute(db).await?;
        } else {
            query.execute(db).await?;
        }
        let next = Cursor::Traces { table, after: last };
        Ok(Batch { rows: Some(count(&rows)), ..Batch::go_on(0, next) })
    }

    /// Whether nobody is taken out of lists: accounts stay, or some may, because of their posts.
    const fn keeps_lists(&self) -> bool {
        let keep = &self.keep;
        keep.accounts || keep.bookmarked || keep.liked || keep.replied_to
    }

    /// Addresses of actors, and of their followers, on another host than their nickname: a few. The
    /// statement recognises the others by their host.
    fn actors_elsewhere<'a>(&self, known: &'a Known) -> Vec<&'a str> {
        let (hosts, suffixes) = (self.spellings(), self.suffixes());
        let is_meant = |ap_id: &str| {
            let host = Url::parse(ap_id).ok().and_then(|url| url.host_str().map(str::to_lowercase));
            host.is_some_and(|host| {
                hosts.contains(&host)
                    || suffixes.iter().any(|suffix| host.ends_with(suffix.as_str()))
            })
        };
        let losing = known.actors.iter().filter(|actor| !actor.keeps_posts);
        let addresses = losing.flat_map(|actor| {
            [Some(&actor.ap_id), actor.follower_address.as_ref()].into_iter().flatten()
        });
        addresses.map(String::as_str).filter(|address| !is_meant(address)).collect()
    }

    /// Removes the rows about the host itself, of which there are a few. The counters of its posts
    /// are right only if some are left.
    async fn remove_host(&self, db: &mut PgConnection, known: &Known) -> sqlx::Result<i64> {
        let removed = sqlx::query(sql::REMOVE_INSTANCES)
            .bind(self.spellings())
            .bind(self.suffixes())
            .execute(&mut *db)
            .await?
            .rows_affected();
        let counters: bool =
            sqlx::query_scalar("select to_regclass('public.counter_cache') is not null")
                .fetch_one(&mut *db)
                .await?;
        if counters {
            sqlx::query(sql::REMOVE_COUNTERS)
                .bind(self.spellings())
                .bind(self.suffixes())
                .bind(known.kept.is_empty() && self.keep.is_nothing())
                .execute(db)
                .await?;
        }
        Ok(i64::try_from(removed).unwrap_or(i64::MAX))
    }
}

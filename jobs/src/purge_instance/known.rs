//! What one claim has read: the host's actors, and what stays of them.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{KeepFollowed, PurgeInstance, sql};
use ostrakon_engine::List;
use ostrakon_server::Server;

/// Maximum number of rows that are listed at a time.
pub(super) const LIST_MAX: i64 = 500_000;

/// Time after which the reports are read again.
const FRESH: Duration = Duration::from_mins(1);

/// Lists that the next batches need.
#[derive(Debug, Default)]
pub struct ClaimState {
    known: Option<(Instant, Known)>,
    pub(super) objects: Option<List<i64>>,
    pub(super) chat_messages: Option<List<i64>>,
    pub(super) relations: Option<List<i64>>,
}

/// Actor of the host of which something is removed.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) ap_id: String,
    /// Its row in `users`, if there is one.
    pub(super) account: Option<Uuid>,
    /// Address of its followers, which lists have.
    pub(super) follower_address: Option<String>,
    /// Whether its posts and boosts stay, and its local followers.
    pub(super) keeps_posts: bool,
}

/// What is known of the host.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Spellings of the host.
    pub(super) hosts: Vec<String>,
    /// Actors by ActivityPub id, in order, without those of whom everything stays.
    pub(super) actors: Vec<Actor>,
    /// Accounts among them, in order.
    pub(super) accounts: Vec<Uuid>,
    /// Addresses of actors of the host of whom everything, or all posts, stay.
    pub(super) kept_actors: Vec<String>,
    /// Addresses of their followers.
    pub(super) kept_followers: Vec<String>,
    /// ActivityPub ids that stay: open reports refer to them, or somebody has bookmarked them. In order.
    pub(super) kept: Vec<String>,
    /// Closed reports on actors of the host, in order.
    pub(super) closed_reports: Vec<Uuid>,
    /// Number of rows about the host itself.
    pub(super) instances: i64,
    /// Number of accounts of sub-domains that the run leaves alone.
    pub(super) below: i64,
    /// Number of accounts of the host, kept ones included.
    pub(super) all: i64,
}

#[derive(Debug, FromRow)]
struct Account {
    id: Uuid,
    ap_id: String,
    follower_address: Option<String>,
    below: bool,
    followed: bool,
}

#[derive(Debug, FromRow)]
struct Report {
    id: Uuid,
    actor: Option<String>,
    open: bool,
    about: Vec<String>,
}

impl Known {
    /// Position of the first actor after, or at, an ActivityPub id.
    pub(super) fn from(&self, ap_id: &str) -> usize {
        self.actors.partition_point(|actor| actor.ap_id.as_str() < ap_id)
    }

    /// The actor with an ActivityPub id.
    pub(super) fn actor(&self, ap_id: &str) -> Option<&Actor> {
        self.actors.get(self.from(ap_id)).filter(|actor| actor.ap_id == ap_id)
    }

    /// Whether something with this ActivityPub id stays.
    pub(super) fn keeps(&self, ap_id: &str) -> bool {
        self.kept.binary_search_by(|kept| kept.as_str().cmp(ap_id)).is_ok()
    }

    /// Addresses that stay in lists: of accounts that stay because somebody follows them, or because an
    /// open report names them.
    pub(super) fn staying_in_lists(&self) -> Vec<&str> {
        let reported = self.kept.iter().filter_map(|ap_id| self.actor(ap_id));
        let reported = reported.flat_map(|actor| {
            [Some(&actor.ap_id), actor.follower_address.as_ref()].into_iter().flatten()
        });
        let kept = self.kept_actors.iter().chain(&self.kept_followers).chain(reported);
        kept.map(String::as_str).collect()
    }

    /// Accounts whose local followers leave them.
    pub(super) fn left_by_followers(&self) -> Vec<Uuid> {
        let left = self.actors.iter().filter(|actor| !actor.keeps_posts);
        left.filter_map(|actor| actor.account).collect()
    }

    /// Actors whose objects are removed.
    pub(super) fn losing_objects(&self) -> Vec<&str> {
        let losing = self.actors.iter().filter(|actor| !actor.keeps_posts);
        losing.map(|actor| actor.ap_id.as_str()).collect()
    }

    /// All actors, and whether each keeps its posts: two arrays for a statement.
    pub(super) fn bound(actors: &[Actor]) -> (Vec<&str>, Vec<bool>) {
        actors.iter().map(|actor| (actor.ap_id.as_str(), actor.keeps_posts)).unzip()
    }

    async fn read(
        job: &PurgeInstance,
        db: &mut PgConnection,
        server: &Server,
    ) -> sqlx::Result<Self> {
        let (hosts, below) = (job.spellings(), job.suffixes_of_all());
        let accounts: Vec<Account> = sqlx::query_as(sql::ACCOUNTS_OF_HOST)
            .bind(&hosts)
            .bind(&below)
            .fetch_all(&mut *db)
            .await?;
        let mut known = Self { hosts: hosts.clone(), ..Self::default() };
        for Account { id, ap_id, follower_address, below, followed } in accounts {
            if below && !job.include_subdomains {
                known.below += 1;
                continue;
            }
            known.all += 1;
            let kept = if followed { job.keep.followed } else { KeepFollowed::None };
            if kept != KeepFollowed::None {
                known.kept_actors.push(ap_id.clone());
                known.kept_followers.extend(follower_address.clone());
            }
            if kept != KeepFollowed::Full {
                let keeps_posts = kept == KeepFollowed::Posts;
                let account = Some(id);
                known.actors.push(Actor { ap_id, account, follower_address, keeps_posts });
            }
        }
        for statement in sql::ACTORS_WITHOUT_ACCOUNT {
            let found: Vec<String> = sqlx::query_scalar(statement)
                .bind(&hosts)
                .bind(job.suffixes())
                .fetch_all(&mut *db)
                .await?;
            let actor =
                |ap_id| Actor { ap_id, account: None, follower_address: None, keeps_posts: false };
            known.actors.extend(found.into_iter().map(actor));
        }
        known.actors.sort_unstable_by(|one, other| one.ap_id.cmp(&other.ap_id));
        known.actors.dedup_by(|one, other| one.ap_id == other.ap_id);
        known.accounts = known.actors.iter().filter_map(|actor| actor.account).collect();
        known.accounts.sort_unstable();
        known.instances = sqlx::query_scalar(sql::COUNT_INSTANCES)
            .bind(&hosts)
            .bind(job.suffixes())
            .fetch_one(&mut *db)
            .await?;
        known.read_reports(db).await?;
        if job.keep.bookmarked {
            let bookmarked: Vec<String> = sqlx::query_scalar(sql::bookmarked(server))
                .bind(known.losing_objects())
                .fetch_all(&mut *db)
                .await?;
            known.kept.extend(bookmarked);
        }
        known.kept.sort_unstable();
        Ok(known)
    }

    /// Reads what open reports refer to, and closed reports. What was kept before stays kept.
    async fn read_reports(&mut self, db: &mut PgConnection) -> sqlx::Result<()> {
        let reports: Vec<Report> =
            sqlx::query_as(include_str!("sql/reports.sql")).fetch_all(db).await?;
        let mut kept: HashSet<String> = std::mem::take(&mut self.kept).into_iter().collect();
        self.closed_reports.clear();
        for Report { id, actor, open, about } in reports {
            if open {
                kept.extend(about);
                kept.extend(actor);
                continue;
            }
            // Reports by the host's own actors are among what these did.
            if actor.is_none_or(|actor| self.actor(&actor).is_none())
                && about.iter().any(|ap_id| self.actor(ap_id).is_some_and(|a| !a.keeps_posts))
            {
                self.closed_reports.push(id);
            }
        }
        self.kept = kept.into_iter().collect();
        self.kept.sort_unstable();
        self.closed_reports.sort_unstable();
        Ok(())
    }
}

impl ClaimState {
    /// What is known of the host: read once for each claim, reports once a minute.
    pub(super) async fn known(
        &mut self,
        job: &PurgeInstance,
        db: &mut PgConnection,
        server: &Server,
    ) -> sqlx::Result<&Known> {
        let (read_at, known) = match self.known.take() {
            None => (Instant::now(), Known::read(job, db, server).await?),
            Some((read_at, mut known)) if read_at.elapsed() > FRESH => {
                known.read_reports(db).await?;
                (Instant::now(), known)
            }
            Some(fresh) => fresh,
        };
        Ok(&self.known.insert((read_at, known)).1)
    }

    /// Takes what is known out for a batch, which needs the lists as well.
    pub(super) async fn take(
        &mut self,
        job: &PurgeInstance,
        db: &mut PgConnection,
        server: &Server,
    ) -> sqlx::Result<(Instant, Known)> {
        self.known(job, db, server).await?;
        Ok(self.known.take().unwrap_or_else(|| (Instant::now(), Known::default())))
    }

    pub(super) fn put_back(&mut self, known: (Instant, Known)) {
        self.known = Some(known);
    }
}

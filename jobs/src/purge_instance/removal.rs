//! Removal of activities and objects, with everything that depends on them.
//!
//! [`Removal::find`] only reads. [`Removal::apply`] writes in the order in which the server locks:
//! objects first, activities last, because their trigger locks the host's row in `counter_cache`
//! until the commit.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::{FromRow, PgConnection};
use url::Url;
use uuid::Uuid;

use super::{count, known::Known, recheck::TakenOut, sql};
use crate::delete_activities::{
    allowance, lower_replies, remove_hashtags, what_hangs_on_them_fits,
};
use ostrakon_engine::shorten_lock_timeout;
use ostrakon_server::{LoweredReplies, Server, as_public};

/// Activity that is removed.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Activity {
    pub(super) id: Uuid,
    pub(super) actor: Option<String>,
    pub(super) kind: String,
    pub(super) ap_id: Option<String>,
    pub(super) object: Option<String>,
    pub(super) context: Option<String>,
}

/// Object that is removed.
#[derive(Debug, FromRow)]
struct Object {
    row: i64,
    ap_id: Option<String>,
    actor: Option<String>,
    kind: String,
    replied: Option<String>,
    quoted: Option<String>,
    /// Option that a vote is for.
    option: Option<String>,
    context: Option<String>,
    public: bool,
}

/// What is removed together.
#[derive(Debug, Default)]
pub(super) struct Removal {
    activities: Vec<Activity>,
    objects: Vec<Object>,
    /// What other activities there are about these, whoever wrote them.
    about: Vec<Activity>,
    /// Whether the activities are too many for one transaction.
    more: bool,
}

/// What was removed.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Number of items of the plan that are gone.
    pub(super) done: i64,
    /// Whether that was all, not only a portion.
    pub(super) whole: bool,
    /// Actors that were taken out of lists, which the server may write again.
    pub(super) taken_out: TakenOut,
}

/// Votes are objects of this type.
const VOTE: &str = "Answer";

/// Activities that take something back or answer it.
const ANSWERS: [&str; 3] = ["Undo", "Accept", "Reject"];

/// Whether an object without an author is on the host of an account.
fn on_host_of(object: &str, actor: &str) -> bool {
    let host = |text: &str| Url::parse(text).ok()?.host_str().map(str::to_owned);
    host(object).is_some_and(|object| Some(object) == host(actor))
}

impl Removal {
    /// Finds what depends on activities of the host's actors.
    pub(super) async fn find(
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        activities: Vec<Activity>,
        limit: i64,
    ) -> sqlx::Result<Self> {
        let mut by_activity: HashMap<&str, &str> = HashMap::new();
        for activity in &activities {
            let (Some(object), Some(actor)) = (&activity.object, &activity.actor) else { continue };
            let creates = ["Create", "Delete"].contains(&activity.kind.as_str());
            if creates && !known.keeps(object) {
                by_activity.insert(object, actor);
            }
        }
        let ap_ids: Vec<&str> = by_activity.keys().copied().collect();
        let mut objects = facts(db, server, &[], &ap_ids).await?;
        objects.retain(|object| match (&object.actor, &object.ap_id) {
            (Some(actor), _) => known.actor(actor).is_some_and(|actor| !actor.keeps_posts),
            (None, Some(ap_id)) => {
                let actor = by_activity.get(ap_id.as_str());
                object.kind == "Tombstone" && actor.is_some_and(|actor| on_host_of(ap_id, actor))
            }
            (None, None) => false,
        });
        Self { activities, objects, ..Self::default() }.with_others(db, server, known, limit).await
    }

    /// Finds what depends on objects.
    pub(super) async fn find_rows(
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        rows: &[i64],
        limit: i64,
    ) -> sqlx::Result<Self> {
        let objects = facts(db, server, rows, &[]).await?;
        Self { objects, ..Self::default() }.with_others(db, server, known, limit).await
    }

    /// What removes only activities, with the answers to them.
    pub(super) async fn find_answers(
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        activities: Vec<Activity>,
        limit: i64,
    ) -> sqlx::Result<Self> {
        Self { activities, ..Self::default() }.with_others(db, server, known, limit).await
    }

    /// Adds what other activities there are about these objects and activities, and the answers to
    /// those.
    async fn with_others(
        mut self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        limit: i64,
    ) -> sqlx::Result<Self> {
        self.add_votes(db, server).await?;
        let allowed = allowance(limit);
        let own: HashSet<Uuid> = self.activities.iter().map(|activity| activity.id).collect();
        let subjects: Vec<&str> = self
            .objects
            .iter()
            .filter_map(|object| object.ap_id.as_deref())
            .chain(self.activities.iter().filter_map(|activity| activity.ap_id.as_deref()))
            .collect();
        let mut about =
            find_about(db, server, &subjects, allowed + count(&self.activities)).await?;
        about.retain(|activity| !own.contains(&activity.id) && !known.stays(activity));
        let emoji = self.with_emoji_of_host(db, server, known).await?;
        about.extend(emoji.into_iter().filter(|emoji| !own.contains(&emoji.id)));
        let liked: Vec<&str> = about.iter().filter_map(|about| about.ap_id.as_deref()).collect();
        let found: HashSet<Uuid> = about.iter().map(|about| about.id).collect();
        let mut answers = find_about(db, server, &liked, allowed).await?;
        answers.retain(|answer| {
            ANSWERS.contains(&answer.kind.as_str())
                && !own.contains(&answer.id)
                && !found.contains(&answer.id)
                && !known.stays(answer)
        });
        self.more = count(&about) > allowed;
        about.extend(answers);
        self.about = about;
        if !self.more {
            let all: Vec<Uuid> = self.all().map(|activity| activity.id).collect();
            self.more = !what_hangs_on_them_fits(db, &all, allowed).await?;
        }
        Ok(self)
    }

    /// Finds reactions of others with a custom emoji of the host, on what its actors reacted to.
    async fn with_emoji_of_host(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
    ) -> sqlx::Result<Vec<Activity>> {
        let reacted = self.activities.iter().filter(|activity| activity.kind == "EmojiReact");
        let objects: Vec<&str> = reacted.filter_map(|reacted| reacted.object.as_deref()).collect();
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query_as(sql::emoji(server)).bind(objects).bind(&known.hosts).fetch_all(db).await
    }

    /// Adds votes of others in polls that are removed: a vote is an object, and nothing without its
    /// poll.
    async fn add_votes(&mut self, db: &mut PgConnection, server: &Server) -> sqlx::Result<()> {
        let polls: Vec<&str> =
            self.objects.iter().filter_map(|object| object.ap_id.as_deref()).collect();
        if polls.is_empty() {
            return Ok(());
        }
        let known: HashSet<i64> = self.objects.iter().map(|object| object.row).collect();
        let mut votes: Vec<i64> = sqlx::query_scalar(
            "select o.id from public.objects o
             where o.data ->> 'inReplyTo' = any ($1) and o.data ->> 'type' = 'Answer'",
        )
        .bind(polls)
        .fetch_all(&mut *db)
        .await?;
        votes.retain(|row| !known.contains(row));
        self.objects.extend(facts(db, server, &votes, &[]).await?);
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = &Activity> {
        self.activities.iter().chain(&self.about)
    }

    /// Whether one transaction can remove all of it.
    pub(super) fn fits(&self) -> bool {
        !self.more
    }

    /// Removes it, or only a portion of what is about it.
    pub(super) async fn apply(
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

    /// Takes the host's actors out of what stays: their likes, boosts, reactions and votes, and the
    /// numbers of their replies and quotes.
    async fn correct_others(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
    ) -> sqlx::Result<TakenOut> {
        let gone: HashSet<i64> = self.objects.iter().map(|object| object.row).collect();
        let taken_out = self.taken_out();
        let answered: Vec<(&str, bool)> = self.answered(server);
        let concerned: BTreeSet<&str> = taken_out
            .iter()
            .map(|(object, ..)| *object)
            .chain(answered.iter().map(|(object, _)| *object))
            .chain(self.objects.iter().filter_map(|object| object.ap_id.as_deref()))
            .collect();
        if concerned.is_empty() {
            return Ok(TakenOut::default());
        }
        let locked: Vec<(i64, String)> = sqlx::query_as(include_str!("sql/lock.sql"))
            .bind(concerned.into_iter().collect::<Vec<_>>())
            .fetch_all(&mut *db)
            .await?;
        let mut rows: HashMap<&str, Vec<i64>> = HashMap::new();
        for (row, ap_id) in &locked {
            if !gone.contains(row) {
                rows.entry(ap_id).or_default().push(*row);
            }
        }
        let mut lost: BTreeMap<i64, (i32, i32)> = BTreeMap::new();
        for (object, is_quote) in answered {
            for row in rows.get(object).into_iter().flatten() {
                let (replies, quotes) = lost.entry(*row).or_default();
                *(if is_quote { quotes } else { replies }) += 1;
            }
        }
        lower_replies(db, &lost).await?;
        let (mut objects, mut actors, mut kinds, mut options) = (vec![], vec![], vec![], vec![]);
        let mut listed = TakenOut::default();
        for (object, actor, kind, option) in taken_out {
            for row in rows.get(object).into_iter().flatten() {
                objects.push(*row);
                actors.push(actor);
                kinds.push(kind);
                options.push(option);
                if kind != VOTE {
                    listed.push(*row, actor, kind);
                }
            }
        }
        take_out(db, (objects, actors, kinds, options), &known.hosts).await?;
        Ok(listed)
    }

    /// Each object in whose lists an actor is, the actor, what it did, and the option of a vote.
    fn taken_out(&self) -> Vec<(&str, &str, &str, Option<&str>)> {
        let listed = self.activities.iter().filter_map(|activity| {
            let listed = ["Like", "Announce", "EmojiReact"].contains(&activity.kind.as_str());
            let (object, actor) = (activity.object.as_deref()?, activity.actor.as_deref()?);
            listed.then_some((object, actor, activity.kind.as_str(), None))
        });
        let voted = self.objects.iter().filter_map(|object| {
            let (replied, actor) = (object.replied.as_deref()?, object.actor.as_deref()?);
            (object.kind == VOTE).then_some((replied, actor, VOTE, object.option.as_deref()))
        });
        listed.chain(voted).collect()
    }

    /// Each object that loses a reply, or a quote (docs/semantics.md 1.2.8 and 1.2.9).
    fn answered(&self, server: &Server) -> Vec<(&str, bool)> {
        let lowered = server.dialect.lowered_replies;
        let mut answered = Vec::new();
        for object in &self.objects {
            if !object.public && lowered != LoweredReplies::All {
                continue;
            }
            if object.kind != VOTE || lowered != LoweredReplies::PublicExceptVotes {
                answered.extend(object.replied.as_deref().map(|replied| (replied, false)));
            }
            if server.dialect.lowers_quotes {
                answered.extend(object.quoted.as_deref().map(|quoted| (quoted, true)));
            }
        }
        answered
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
        let dead: Vec<String> = sqlx::query_scalar(include_str!("sql/dead_threads.sql"))
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

impl Known {
    /// Whether an activity stays although it is about something that goes.
    pub(super) fn stays(&self, activity: &Activity) -> bool {
        activity.ap_id.as_ref().is_some_and(|ap_id| self.keeps(ap_id))
    }

    /// Whether the removal of an activity is an item of the plan.
    fn counts(&self, actor: Option<&str>, kind: &str) -> bool {
        let Some(actor) = actor.and_then(|actor| self.actor(actor)) else { return false };
        !(actor.keeps_posts && ["Create", "Announce"].contains(&kind))
    }
}

async fn facts(
    db: &mut PgConnection,
    server: &Server,
    rows: &[i64],
    ap_ids: &[&str],
) -> sqlx::Result<Vec<Object>> {
    if rows.is_empty() && ap_ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(include_str!("sql/facts.sql"))
        .bind(rows)
        .bind([as_public().to_owned(), server.local_public()])
        .bind(ap_ids)
        .fetch_all(db)
        .await
}

/// Finds activities about objects or activities: at most one more than allowed.
async fn find_about(
    db: &mut PgConnection,
    server: &Server,
    subjects: &[&str],
    allowed: i64,
) -> sqlx::Result<Vec<Activity>> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(sql::about(server)).bind(subjects).bind(allowed + 1).fetch_all(db).await
}

/// Each object with an actor, what it did, and the option of a vote.
type Lists<'a> = (Vec<i64>, Vec<&'a str>, Vec<&'a str>, Vec<Option<&'a str>>);

/// Takes actors out of what they did to objects.
pub(super) async fn take_out(
    db: &mut PgConnection,
    (objects, actors, kinds, options): Lists<'_>,
    hosts: &[String],
) -> sqlx::Result<()> {
    if objects.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("sql/take_out.sql"))
        .bind(objects)
        .bind(actors)
        .bind(kinds)
        .bind(options)
        .bind(hosts)
        .execute(db)
        .await?;
    Ok(())
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
pub(super) async fn remove_activities(
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
pub(super) async fn remove_report_notes(
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

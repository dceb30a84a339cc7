//! What the original's tasks do, as one statement per step.

use anyhow::Result;
use testkit::put_together;

use super::{super::prune_activities as orphans, Fixture};

/// Whose task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Pleroma,
    Akkoma,
}

/// Options of the task.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) days: u32,
    pub(super) keep_threads: bool,
    pub(super) keep_non_public: bool,
    pub(super) keep_followed: &'static str,
    pub(super) prune_pinned: bool,
    pub(super) activities: bool,
    pub(super) fix_replies: Option<bool>,
}

impl Wanted {
    pub(super) const DEFAULT: Self = Self {
        days: 90,
        keep_threads: false,
        keep_non_public: false,
        keep_followed: "none",
        prune_pinned: false,
        activities: false,
        fix_replies: None,
    };
}

const FOLLOWED: &str = "(select u.ap_id from following_relationships r
    join users f on f.id = r.follower_id and f.local join users u on u.id = r.following_id
    where r.state = 2)";
const PINNED: &str = "(select jsonb_object_keys(pinned_objects) from users)";

/// What open reports of the seed protect, and what has a local author: ours only.
const PROTECTED: &str = "coalesce(o.data ->> 'content', '') not like '%protected%'";

fn public(data: &str) -> String {
    let public = "https://www.w3.org/ns/activitystreams#Public";
    format!("({data} -> 'to' ? '{public}' or {data} -> 'cc' ? '{public}')")
}

fn objects(family: Family, wanted: &Wanted) -> String {
    let deadline = format!("now() at time zone 'UTC' - interval '{} days'", wanted.days);
    let mut conditions = vec![PROTECTED.to_owned()];
    if family == Family::Akkoma && !wanted.prune_pinned {
        conditions.push(format!("coalesce(o.data ->> 'id', '') not in {PINNED}"));
    }
    if wanted.keep_threads {
        let mut having = vec![format!(
            "max(a.updated_at) < {deadline} and not bool_or(a.local) and max(b.id::text) is null"
        )];
        if wanted.keep_non_public {
            let public = public("a.data");
            having.push(format!("not bool_or(not {public} and a.data ->> 'type' = 'Create')"));
        }
        if wanted.keep_followed == "posts" {
            having.push(format!(
                "not bool_or(a.actor in {FOLLOWED} and a.data ->> 'type' in ('Create', 'Announce'))"
            ));
        }
        if wanted.keep_followed == "full" {
            having.push(format!("not bool_or(a.actor in {FOLLOWED})"));
        }
        let having = having.join(" and ");
        conditions.push(format!(
            "o.data ->> 'context' in (
                 select a.data ->> 'context' from activities a
                 left join bookmarks b on b.activity_id = a.id
                 group by a.data ->> 'context' having {having})"
        ));
    } else {
        conditions.push(format!("o.updated_at < {deadline}"));
        conditions.push("split_part(o.data ->> 'actor', '/', 3) <> 'peer.example'".to_owned());
        if wanted.keep_non_public {
            conditions.push(public("o.data"));
        }
        if wanted.keep_followed == "posts" {
            conditions.push(format!("o.data ->> 'actor' not in {FOLLOWED}"));
        }
    }
    format!("delete from objects o where {}", conditions.join(" and "))
}

const BOOKMARKS: &str = "delete from bookmarks where id in (
    select b.id from bookmarks b
    left join activities a on b.activity_id = a.id
    left join objects o on a.data ->> 'object' = o.data ->> 'id'
    where o.id is null)";

const HASHTAGS: &str = "delete from hashtags h
    where not exists (select from hashtags_objects u where u.hashtag_id = h.id)";

/// Leaves the database as the task does.
pub(super) async fn prune(fixture: &Fixture, family: Family, wanted: &Wanted) -> Result<()> {
    let there = async |table: &'static str| -> Result<bool> {
        Ok(sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(table)
            .fetch_one(&fixture.pool())
            .await?)
    };
    let mut statements = vec![objects(family, wanted)];
    if !wanted.keep_threads {
        statements.push(BOOKMARKS.to_owned());
    }
    if wanted.activities {
        let lists = match family {
            Family::Pleroma => orphans::PLEROMA_LISTS,
            Family::Akkoma => orphans::AKKOMA_LISTS,
        };
        for query in [orphans::SINGLES, lists] {
            statements.push(format!(
                "delete from activities where data ->> 'state' is distinct from 'open' and id in ({query})"
            ));
        }
    }
    if there("hashtags").await? {
        let mut hashtags = HASHTAGS.to_owned();
        if there("user_follows_hashtag").await? {
            hashtags +=
                " and not exists (select from user_follows_hashtag f where f.hashtag_id = h.id)";
        }
        statements.push(hashtags);
    }
    if wanted.fix_replies.unwrap_or(family == Family::Akkoma) {
        statements.push(format!(
            "update objects p set data = jsonb_set(p.data, '{{repliesCount}}', to_jsonb(c.n))
             from (select o.data ->> 'inReplyTo' as parent, count(*) as n from objects o
                   where o.data ->> 'type' <> 'Answer' and {} group by 1) c
             where c.parent = p.data ->> 'id' and p.data -> 'repliesCount' is distinct from to_jsonb(c.n)",
            public("o.data")
        ));
    }
    sqlx::raw_sql(put_together(statements.join(";\n"))).execute(&fixture.pool()).await?;
    Ok(())
}

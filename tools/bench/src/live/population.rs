//! Accounts that post, like and read in the foreground; not the account that is being deleted.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use rand::{SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use sqlx::{FromRow, PgConnection};
use testkit::Community;
use uuid::Uuid;

/// Number of local accounts that are active in the foreground.
const ACTIVE: i64 = 1_000;

/// Number of posting accounts that an active account additionally follows. Without them, most home
/// timelines of a generated community would be almost empty, and a read of one would scan all
/// activities.
const FOLLOWED: usize = 200;

/// Active local accounts, and posts to like.
#[derive(Debug)]
pub(super) struct Population {
    pub(super) authors: Vec<Author>,
    pub(super) posts: Vec<Liked>,
}

/// An account that posts, likes and reads.
#[derive(Debug, FromRow)]
pub(super) struct Author {
    pub(super) id: Uuid,
    pub(super) ap_id: String,
    pub(super) followers: String,
    /// Addresses that make up its home timeline: those of the accounts that it follows, its own,
    /// and those of some posting accounts.
    pub(super) home: Vec<String>,
}

/// A post to like.
#[derive(Debug, FromRow)]
pub(super) struct Liked {
    pub(super) row: i64,
    pub(super) object: String,
    pub(super) author: String,
    /// Account to notify, if the author is local.
    pub(super) notified: Option<Uuid>,
    /// Address of its author's followers.
    followers: String,
}

impl Population {
    /// Reads accounts and the newest posts.
    pub(super) async fn read(db: &mut PgConnection) -> Result<Self> {
        let mut authors: Vec<Author> = sqlx::query_as(
            "select u.id, u.ap_id, u.follower_address as followers,
                    array(select followed.follower_address from following_relationships r
                          join users followed on followed.id = r.following_id
                          where r.follower_id = u.id and r.state = 2) || u.ap_id::text as home
             from users u where u.local and u.is_active and u.nickname <> $1
             order by md5(u.id::text) limit $2",
        )
        .bind(Community::PROLIFIC)
        .bind(ACTIVE)
        .fetch_all(&mut *db)
        .await?;
        let posts: Vec<Liked> = sqlx::query_as(
            "select o.id as row, o.data ->> 'id' as object, u.ap_id as author,
                    case when u.local then u.id end as notified, u.follower_address as followers
             from (select * from activities
                   where data ->> 'type' = 'Create' and activity_visibility(actor, recipients, data) = 'public'
                   order by id desc nulls last limit 5000) as a
             join users u on u.ap_id = a.actor and u.nickname <> $1
             join objects o on o.data ->> 'id' = a.data ->> 'object' and o.data ->> 'type' = 'Note'",
        )
        .bind(Community::PROLIFIC)
        .fetch_all(db)
        .await?;
        let posting = authors.iter().map(|author| &author.followers);
        let posting: BTreeSet<String> =
            posting.chain(posts.iter().map(|post| &post.followers)).cloned().collect();
        let posting: Vec<String> = posting.into_iter().collect();
        let mut random = StdRng::seed_from_u64(1);
        for author in &mut authors {
            author.home.extend(posting.sample(&mut random, FOLLOWED).cloned());
        }
        ensure!(!authors.is_empty() && !posts.is_empty(), "the community is too small");
        Ok(Self { authors, posts })
    }
}

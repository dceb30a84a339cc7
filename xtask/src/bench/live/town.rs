//! Who posts, likes and reads in the foreground: not the account that is being deleted.

use anyhow::{Result, ensure};
use sqlx::{FromRow, PgConnection};
use testkit::Community;
use uuid::Uuid;

/// The accounts of this server, and posts to like.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) authors: Vec<Author>,
    pub(super) posts: Vec<Liked>,
}

/// An account that posts, likes and reads.
#[derive(Debug, FromRow)]
pub(super) struct Author {
    pub(super) id: Uuid,
    pub(super) ap_id: String,
    pub(super) followers: String,
    /// What its home timeline is made of: addresses of those whom it follows, and its own.
    pub(super) home: Vec<String>,
}

/// A post of somebody.
#[derive(Debug, FromRow)]
pub(super) struct Liked {
    pub(super) row: i64,
    pub(super) object: String,
    pub(super) author: String,
    /// Whom to notify, if it is somebody of this server.
    pub(super) notified: Option<Uuid>,
}

impl Town {
    /// Reads accounts and their newest posts.
    pub(super) async fn read(db: &mut PgConnection) -> Result<Self> {
        let authors: Vec<Author> = sqlx::query_as(
            "select u.id, u.ap_id, u.follower_address as followers,
                    array(select followed.follower_address from following_relationships r
                          join users followed on followed.id = r.following_id
                          where r.follower_id = u.id and r.state = 2) || u.ap_id::text as home
             from users u where u.local and u.is_active and u.nickname <> $1 order by u.id",
        )
        .bind(Community::PROLIFIC)
        .fetch_all(&mut *db)
        .await?;
        let posts: Vec<Liked> = sqlx::query_as(
            "select o.id as row, o.data ->> 'id' as object, u.ap_id as author,
                    case when u.local then u.id end as notified
             from (select * from activities
                   where data ->> 'type' = 'Create' and activity_visibility(actor, recipients, data) = 'public'
                   order by id desc nulls last limit 5000) as a
             join users u on u.ap_id = a.actor and u.nickname <> $1
             join objects o on o.data ->> 'id' = a.data ->> 'object' and o.data ->> 'type' = 'Note'",
        )
        .bind(Community::PROLIFIC)
        .fetch_all(db)
        .await?;
        ensure!(!authors.is_empty() && !posts.is_empty(), "the community is too small");
        Ok(Self { authors, posts })
    }
}

//! Follow relations of a new account, in both directions (docs/semantics.md 5.4).

use crate::nickname_sql;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::{Server, count_followers, count_following};

/// Finds the configured accounts: local, active, and without a block in either direction. They are
/// locked in a fixed order, so that their counters stay correct with simultaneous registrations.
const NAMED: &str = "select u.id, coalesce(u.nickname = any ($2::citext[]), false) as followed,
            coalesce(u.nickname = any ($3::citext[]), false) as following
     from public.users u
     where u.nickname = any ($2::citext[] || $3::citext[]) and u.local and u.id <> $1 and u.is_active
       and not exists (
           select from public.user_relationships block
           where block.relationship_type = 1
             and (block.source_id, block.target_id) in (($1, u.id), (u.id, $1)))
     order by u.id
     for no key update of u";

/// Result of the configured follows of a new account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Autofollow {
    /// Number of relations.
    pub(super) relations: usize,
    /// Accounts other than the new one whose counters changed.
    pub(super) others: Vec<Uuid>,
}

/// Creates the relations that the server's configuration asks for. There are no Follow activities.
pub(super) async fn autofollow(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<Autofollow> {
    let rules = &server.registration;
    if rules.autofollowed_nicknames.is_empty() && rules.autofollowing_nicknames.is_empty() {
        return Ok(Autofollow::default());
    }
    let sql = nickname_sql!(server, NAMED);
    let named: Vec<(Uuid, bool, bool)> = sqlx::query_as(sql)
        .bind(account)
        .bind(&rules.autofollowed_nicknames)
        .bind(&rules.autofollowing_nicknames)
        .fetch_all(&mut *db)
        .await?;
    let followed = named.iter().filter(|(_, followed, _)| *followed).map(|&(id, ..)| (account, id));
    let following =
        named.iter().filter(|(.., following)| *following).map(|&(id, ..)| (id, account));
    let made = relate(db, followed.chain(following).unzip()).await?;
    let (followers, followings): (Vec<Uuid>, Vec<Uuid>) = made.iter().copied().unzip();
    count_following(db, server, &followers).await?;
    count_followers(db, server, &followings).await?;
    let mut others: Vec<Uuid> = followers.into_iter().chain(followings).collect();
    others.retain(|&id| id != account);
    others.sort_unstable();
    others.dedup();
    Ok(Autofollow { relations: made.len(), others })
}

/// Creates accepted relations from follower to followed; returns those that are new.
async fn relate(
    db: &mut PgConnection,
    (followers, followed): (Vec<Uuid>, Vec<Uuid>),
) -> sqlx::Result<Vec<(Uuid, Uuid)>> {
    sqlx::query_as(
        "insert into public.following_relationships
           (follower_id, following_id, state, inserted_at, updated_at)
         select follower, followed, 2, moment, moment
         from unnest($1::uuid[], $2::uuid[]) with ordinality as relation (follower, followed, n),
              date_trunc('second', timezone('UTC', now())) as moment
         order by n
         on conflict (follower_id, following_id) do nothing
         returning follower_id, following_id",
    )
    .bind(followers)
    .bind(followed)
    .fetch_all(db)
    .await
}

//! The accounts that act, and the posts that they see.

use anyhow::{Context as _, Result};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// Accounts and posts, read once.
#[derive(Debug)]
pub(super) struct People {
    /// The account that most acts concern.
    pub(super) account: Person,
    /// Active local accounts except that one.
    pub(super) locals: Vec<Person>,
    /// Accounts of other servers.
    pub(super) remotes: Vec<Person>,
    /// Posts of others that the account has replied to, quoted, liked or boosted.
    pub(super) touched: Vec<String>,
}

/// An account.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Person {
    pub(super) id: Uuid,
    pub(super) ap_id: String,
    pub(super) followers: String,
    pub(super) local: bool,
}

impl People {
    pub(super) async fn read(db: &mut PgConnection, account: &str) -> Result<Self> {
        let account: Person = sqlx::query_as(
            "select id, ap_id, follower_address as followers, local from users where nickname = $1",
        )
        .bind(account)
        .fetch_optional(&mut *db)
        .await?
        .with_context(|| format!("{account} is not there"))?;
        let some: Vec<Person> = sqlx::query_as(
            "(select id, ap_id, follower_address as followers, local from users
              where local and is_active and id <> $1 order by id limit 100)
             union all
             (select id, ap_id, follower_address, local from users
              where not local and is_active and nickname not like '%@spam.example' order by id limit 100)",
        )
        .bind(account.id)
        .fetch_all(&mut *db)
        .await?;
        let (locals, remotes) = some.into_iter().partition(|person| person.local);
        let touched = sqlx::query_scalar(
            "select distinct object.id
             from (select data from activities
                   where actor = $1 and data ->> 'type' in ('Create', 'Like', 'Announce')
                   order by id nulls first limit 2000) a,
                  associated_object_id(a.data) as about,
                  lateral (select data from objects where data ->> 'id' = about) o,
                  lateral (select case when a.data ->> 'type' = 'Create'
                                       then coalesce(o.data ->> 'inReplyTo', o.data ->> 'quoteUrl')
                                       else about end as id) object
             where object.id is not null
             order by 1 limit 200",
        )
        .bind(&account.ap_id)
        .fetch_all(db)
        .await?;
        Ok(Self { account, locals, remotes, touched })
    }
}

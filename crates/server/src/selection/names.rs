//! Accounts by the names that an operator lists.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::Server;
use crate::{actor::own_name, nickname_sql};

/// Name of an account in a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccountName {
    /// Its row id.
    Id(Uuid),
    /// Its nickname, as an operator types it.
    Nickname(String),
}

/// Finds accounts by their names; returns the row id of each, in the order of the names.
pub async fn find_named(
    db: &mut PgConnection,
    server: &Server,
    names: &[AccountName],
) -> sqlx::Result<Vec<Option<Uuid>>> {
    let mut ids = Vec::new();
    let mut nicknames = Vec::new();
    for name in names {
        match name {
            AccountName::Id(id) => ids.push(*id),
            AccountName::Nickname(typed) => nicknames.push(bare(typed, &server.host).to_owned()),
        }
    }
    let known: Vec<Uuid> = sqlx::query_scalar(
        "select id from public.users where id = any ($1) and nickname is not null",
    )
    .bind(&ids)
    .fetch_all(&mut *db)
    .await?;
    let known: std::collections::HashSet<Uuid> = known.into_iter().collect();
    let sql = nickname_sql!(
        server,
        "select named.place, u.id
         from unnest($1::citext[]) with ordinality as named (nickname, place)
         cross join lateral (select id from public.users
                             where nickname = named.nickname offset 0) as u"
    );
    let found: Vec<(i64, Uuid)> = sqlx::query_as(sql).bind(&nicknames).fetch_all(&mut *db).await?;
    let found: HashMap<i64, Uuid> = found.into_iter().collect();
    let mut place = 0;
    let of = |name: &AccountName| match name {
        AccountName::Id(id) => known.get(id).copied(),
        AccountName::Nickname(_) => {
            place += 1;
            found.get(&place).copied()
        }
    };
    Ok(names.iter().map(of).collect())
}

/// Nickname as stored, of what an operator typed: without the first `@`, and for an account of this
/// server without its host.
fn bare<'t>(typed: &'t str, own_host: &str) -> &'t str {
    own_name(typed, own_host).unwrap_or_else(|| typed.strip_prefix('@').unwrap_or(typed))
}

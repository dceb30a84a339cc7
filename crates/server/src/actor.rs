//! Finding accounts (docs/semantics.md 0.2).

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::Server;
use crate::{dialect_sql, nickname_sql};

/// Account, as far as jobs need it.
#[derive(Debug, Clone, FromRow)]
pub struct Actor {
    /// Row id of the account.
    pub id: Uuid,
    /// ActivityPub id.
    pub ap_id: String,
    /// Nickname as stored.
    pub nickname: Option<String>,
    /// Whether it is an account of this server.
    pub local: bool,
    /// Whether it may log in and act.
    pub active: bool,
}

/// Finds an account by what an operator typed: a nickname in any case, `nick@host`, or, for
/// accounts of this server, `@nick@this.host`. Never accesses the network.
pub async fn find_actor(
    db: &mut PgConnection,
    server: &Server,
    typed: &str,
) -> sqlx::Result<Option<Actor>> {
    if let Some(actor) = by_nickname(db, server, typed).await? {
        return Ok(Some(actor));
    }
    match own_name(typed, &server.host) {
        Some(bare) => by_nickname(db, server, bare).await,
        None => Ok(None),
    }
}

/// Strips this server's host from a nickname; `None` if it has another host. Compares the whole
/// host, unlike the server: `alice@peer.example.net` is no account of `peer.example`.
pub(crate) fn own_name<'t>(typed: &'t str, own_host: &str) -> Option<&'t str> {
    let (bare, host) = typed.trim_start_matches('@').split_once('@')?;
    (!own_host.is_empty() && host.eq_ignore_ascii_case(own_host)).then_some(bare)
}

async fn by_nickname(
    db: &mut PgConnection,
    server: &Server,
    nickname: &str,
) -> sqlx::Result<Option<Actor>> {
    let sql = nickname_sql!(
        server,
        "select id, ap_id, nickname::text, local, is_active as active
             from public.users where nickname = $1::citext"
    );
    sqlx::query_as(sql).bind(nickname).fetch_optional(db).await
}

/// Finds an account by its ActivityPub id.
pub async fn find_actor_by_ap_id(
    db: &mut PgConnection,
    server: &Server,
    ap_id: &str,
) -> sqlx::Result<Option<Actor>> {
    let sql = dialect_sql!(
        server,
        "select id, ap_id, nickname::text, local, is_active as active
             from public.users where ap_id = $1"
    );
    sqlx::query_as(sql).bind(ap_id).fetch_optional(db).await
}

#[cfg(test)]
mod tests {
    use super::own_name;

    #[test]
    fn only_the_whole_own_host_is_cut_off() {
        let own = |typed| own_name(typed, "peer.example");
        for typed in ["alice@peer.example", "@alice@peer.example", "alice@PEER.example"] {
            assert_eq!(own(typed), Some("alice"), "{typed}");
        }
        for typed in [
            "alice",
            "@alice",
            "alice@peer.example.net",
            "alice@x.peer.example",
            "a@b@peer.example",
        ] {
            assert_eq!(own(typed), None, "{typed}");
        }
        assert_eq!(own_name("alice@", ""), None);
    }
}

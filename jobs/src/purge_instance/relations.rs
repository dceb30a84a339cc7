//! Follow relations of the host's accounts, in both directions.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    ClaimState, Cursor, PurgeInstance, count,
    known::{Known, LIST_MAX},
    most, nothing_left,
};
use ostrakon_engine::{Batch, JobError, List};
use ostrakon_server::{Changed, Server, count_followers, count_following, refresh_accounts};

/// Maximum number of relations that a batch counts for each relation that it ends, by the counters of
/// local accounts; and in all.
const COUNTED_PER_ROW: i64 = 80;
const COUNTED_MAX: i64 = 20_000;

/// Number of these relations after which all local accounts concerned can be counted in one batch; at
/// least one.
async fn countable(db: &mut PgConnection, relations: &[i64], limit: i64) -> sqlx::Result<usize> {
    let concerned: Vec<(i64, Uuid, i64)> =
        sqlx::query_as(include_str!("sql/to_count.sql")).bind(relations).fetch_all(db).await?;
    let most = limit.saturating_mul(COUNTED_PER_ROW).min(COUNTED_MAX);
    let (mut counted, mut seen) = (0, BTreeSet::new());
    for (relation, account, relations_of_it) in concerned {
        if seen.insert(account) {
            counted += relations_of_it;
        }
        if counted > most {
            let position = relations.iter().position(|id| *id == relation);
            return Ok(position.unwrap_or(relations.len()).max(1));
        }
    }
    Ok(relations.len())
}

impl PurgeInstance {
    /// Ends the next relations. They end before local accounts are locked and counted, as in the
    /// server's own transactions.
    pub(super) async fn relations(
        &self,
        db: &mut PgConnection,
        server: &Server,
        (state, known): (&mut ClaimState, &Known),
        after: i64,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let mut relations = self.next_relations(db, (state, known), after, limit).await?;
        let countable = countable(db, &relations, limit).await?;
        relations.truncate(countable);
        let Some(last) = relations.last().copied() else {
            return Ok(nothing_left(Cursor::Reports { after: Uuid::nil() }));
        };
        let ended: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "delete from public.following_relationships where id = any ($1)
             returning follower_id, following_id",
        )
        .bind(&relations)
        .fetch_all(&mut *db)
        .await?;
        let done = count(&ended);
        let of_host = |account: &Uuid| known.accounts.binary_search(account).is_ok();
        let others = |accounts: BTreeSet<Uuid>| -> Vec<Uuid> {
            accounts.into_iter().filter(|account| !of_host(account)).collect()
        };
        let followers = others(ended.iter().map(|(follower, _)| *follower).collect());
        let followed = others(ended.iter().map(|(_, followed)| *followed).collect());
        let mut counted = count_following(db, server, &followers).await?;
        counted.extend(count_followers(db, server, &followed).await?);
        counted.sort_unstable();
        counted.dedup();
        refresh_accounts(db, server, &counted, Changed::Fields).await?;
        let rows = Some(count(&relations));
        Ok(Batch { rows, ..Batch::go_on(done, Cursor::Relations { after: last }) })
    }

    pub(super) async fn next_relations(
        &self,
        db: &mut PgConnection,
        (state, known): (&mut ClaimState, &Known),
        after: i64,
        limit: i64,
    ) -> sqlx::Result<Vec<i64>> {
        let behind = |list: Option<&List<i64>>| -> Option<Vec<i64>> {
            Some(list?.behind(after)?.iter().take(most(limit)).copied().collect())
        };
        if let Some(found) = behind(state.relations.as_ref()) {
            return Ok(found);
        }
        let found: Vec<i64> = sqlx::query_scalar(include_str!("sql/relations.sql"))
            .bind(&known.accounts)
            .bind(known.left_by_followers())
            .bind(after)
            .bind(LIST_MAX)
            .fetch_all(db)
            .await?;
        state.relations = Some(List::new(after, found, LIST_MAX));
        Ok(behind(state.relations.as_ref()).unwrap_or_default())
    }
}

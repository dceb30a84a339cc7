//! Follows, pins and read notifications: rows of accounts.

use std::sync::Arc;

use rand::RngExt as _;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::acts::{Client, insert_activity, publish};
use crate::world::PUBLIC;

impl Client {
    /// Follows the main account or another local account, as a local account.
    pub(super) async fn follow(&mut self) -> sqlx::Result<bool> {
        let by = self.local();
        let other = self.local();
        let followed =
            if self.random.random_bool(0.5) { self.people.account.clone() } else { other };
        if by.id == followed.id {
            return Ok(false);
        }
        let (flake, follow) = (self.flake(), self.url("activities"));
        let activity = json!({
            "id": follow, "type": "Follow", "actor": by.ap_id, "object": followed.ap_id, "state": "accept",
            "to": [followed.ap_id], "cc": [],
        });
        let turns = Arc::clone(&self.turns);
        let _turn = turns.at(&[&by.ap_id, &followed.ap_id]).await;
        let mut tx = self.db.begin().await?;
        insert_activity(&mut tx, flake, &by, &activity).await?;
        let made = sqlx::query(
            "insert into following_relationships (follower_id, following_id, state, inserted_at, updated_at)
             select $1, id, 2, timezone('UTC', now()), timezone('UTC', now())
             from users where id = $2 and is_active
             on conflict do nothing",
        )
        .bind(by.id)
        .bind(followed.id)
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        count_relations(&mut tx, by.id, followed.id).await?;
        publish(&mut tx, flake, &by).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Unfollows a local account, as a local account.
    pub(super) async fn unfollow(&mut self) -> sqlx::Result<bool> {
        let by = self.local();
        let found: Option<(i64, Uuid, String)> = sqlx::query_as(
            "select r.id, u.id, u.ap_id from following_relationships r join users u on u.id = r.following_id
             where r.follower_id = $1 and r.state = 2 and u.local order by r.id limit 1",
        )
        .bind(by.id)
        .fetch_optional(&mut self.db)
        .await?;
        let Some((relation, followed, ap_id)) = found else { return Ok(false) };
        let (flake, undo) = (self.flake(), self.url("activities"));
        let activity = json!({
            "id": undo, "type": "Undo", "actor": by.ap_id, "object": ap_id, "to": [ap_id], "cc": [],
        });
        let turns = Arc::clone(&self.turns);
        let _turn = turns.at(&[&by.ap_id, &ap_id]).await;
        let mut tx = self.db.begin().await?;
        insert_activity(&mut tx, flake, &by, &activity).await?;
        let ended = sqlx::query("delete from following_relationships where id = $1")
            .bind(relation)
            .execute(&mut *tx)
            .await?;
        if ended.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        count_relations(&mut tx, by.id, followed).await?;
        publish(&mut tx, flake, &by).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Pins one of the account's posts.
    pub(super) async fn pin(&mut self) -> sqlx::Result<bool> {
        let Some(seen) = self.sample_own(&["Note"]).await? else { return Ok(false) };
        let by = self.people.account.clone();
        let (flake, add) = (self.flake(), self.url("activities"));
        let activity = json!({
            "id": add, "type": "Add", "actor": by.ap_id, "object": seen.object, "to": [PUBLIC], "cc": [],
        });
        let turns = Arc::clone(&self.turns);
        let _turn = turns.at(&[&seen.object]).await;
        if self.has_been_deleted(&seen).await? {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        insert_activity(&mut tx, flake, &by, &activity).await?;
        sqlx::query(
            "update users set pinned_objects = pinned_objects || jsonb_build_object($2::text, '2026-01-01T00:00:00Z')
             where id = $1",
        )
        .bind(by.id)
        .bind(&seen.object)
        .execute(&mut *tx)
        .await?;
        publish(&mut tx, flake, &by).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Marks all notifications of an account as seen.
    pub(super) async fn see_notifications(&mut self) -> sqlx::Result<bool> {
        let other = self.local();
        let by = if self.random.random_bool(0.5) { self.people.account.clone() } else { other };
        let seen = sqlx::query(
            "update notifications set seen = true, updated_at = timezone('UTC', now())
             where user_id = $1 and not seen",
        )
        .bind(by.id)
        .execute(&mut self.db)
        .await?;
        Ok(seen.rows_affected() > 0)
    }
}

/// Recounts after the rows are locked, so that what was committed during the wait is counted.
async fn count_relations(db: &mut PgConnection, follower: Uuid, other: Uuid) -> sqlx::Result<()> {
    sqlx::query("select 1 from users where id in ($1, $2) order by id for no key update")
        .bind(follower)
        .bind(other)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "update users u
         set following_count = case when u.id <> $1 then u.following_count else (
                 select count(*) from following_relationships r join users f on f.id = r.following_id
                 where r.follower_id = u.id and r.state = 2 and f.is_active and f.id <> u.id) end,
             follower_count = case when u.id <> $2 then u.follower_count else (
                 select count(*) from following_relationships r join users f on f.id = r.follower_id
                 where r.following_id = u.id and r.state = 2 and f.is_active and f.id <> u.id) end
         where u.id in ($1, $2)",
    )
    .bind(follower)
    .bind(other)
    .execute(db)
    .await?;
    Ok(())
}

//! Likes, boosts and reactions: an activity, and the whole document of its post.

use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::Connection as _;

use super::acts::{Client, document, insert_activity, notify, publish, write_document};

impl Client {
    pub(super) async fn like(&mut self) -> sqlx::Result<bool> {
        self.add("Like", "favourite", |data, actor| add_to(data, "likes", "like_count", actor))
            .await
    }

    pub(super) async fn boost(&mut self) -> sqlx::Result<bool> {
        self.add("Announce", "reblog", |data, actor| {
            add_to(data, "announcements", "announcement_count", actor)
        })
        .await
    }

    pub(super) async fn react(&mut self) -> sqlx::Result<bool> {
        self.add("EmojiReact", "pleroma:emoji_reaction", |data, actor| {
            let mut reactions = data["reactions"].as_array().cloned().unwrap_or_default();
            let mut known =
                reactions.iter().flat_map(|one| one[1].as_array().into_iter().flatten());
            if known.any(|known| known == actor) {
                return false;
            }
            reactions.push(json!(["🔥", [actor], null]));
            data["reaction_count"] = json!(reactions.len());
            data["reactions"] = json!(reactions);
            true
        })
        .await
    }

    /// Adds a reaction, if `change` reports that it is a new one.
    async fn add(
        &mut self,
        kind: &str,
        notification: &str,
        change: impl Fn(&mut Value, &str) -> bool,
    ) -> sqlx::Result<bool> {
        let Some(seen) = self.look().await? else { return Ok(false) };
        let by = self.anybody();
        let (flake, mut activity) = (self.flake(), self.reaction(kind, &by, &seen));
        if kind == "EmojiReact" {
            activity["content"] = json!("🔥");
        }
        let turns = Arc::clone(&self.turns);
        let _turn = turns.at(&[&seen.object]).await;
        if self.has_been_deleted(&seen).await? {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        insert_activity(&mut tx, flake, &by, &activity).await?;
        let mut data = document(&mut tx, seen.row).await?;
        if !change(&mut data, &by.ap_id) {
            tx.rollback().await?;
            return Ok(false);
        }
        write_document(&mut tx, seen.row, &data).await?;
        notify(&mut tx, flake, notification, &by, &seen.author).await?;
        publish(&mut tx, flake, &by).await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn add_to(data: &mut Value, who: &str, count: &str, actor: &str) -> bool {
    let mut actors = data[who].as_array().cloned().unwrap_or_default();
    if actors.iter().any(|known| known == actor) {
        return false;
    }
    actors.insert(0, json!(actor));
    data[count] = json!(actors.len());
    data[who] = json!(actors);
    true
}

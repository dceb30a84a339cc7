//! An account's reactions to a post.

use anyhow::Result;
use serde_json::{Value, json};
use uuid::Uuid;

use super::account::Account;
use super::draft::Post;
use super::{Moment, PUBLIC};
use crate::flake::flake_text;
use crate::flavour::Flavour;

impl Account {
    /// Likes a post; returns the id of the Like.
    pub async fn likes(&self, post: &Post) -> Result<Uuid> {
        let at = self.world().tick();
        let (to, cc) = self.reaction_audience(post);
        let data = self.reaction("Like", post, to, &cc);
        let activity = self.publish_at(at, data).await?;
        self.join(post, "likes", "like_count", at).await?;
        self.world().notify(&post.author, "favourite", activity, self, at).await?;
        Ok(activity)
    }

    /// Boosts a post publicly; returns the id of the Announce.
    pub async fn boosts(&self, post: &Post) -> Result<Uuid> {
        let at = self.world().tick();
        let mut to = vec![post.author.ap_id().to_owned()];
        let mut cc = Vec::new();
        let public = PUBLIC.to_owned();
        match self.world().flavour() {
            _ if !self.is_local() => {
                to.push(public);
                cc.push(self.followers());
            }
            Flavour::Pleroma => to.extend([self.followers(), public]),
            Flavour::Akkoma => {
                to.push(public);
                cc.push(self.followers());
            }
            Flavour::Pleroma22 => {
                to.insert(0, public);
                to.push(self.followers());
            }
        }
        let mut data = self.reaction("Announce", post, to, &cc);
        data["published"] = json!(at.published());
        let activity = self.publish_at(at, data).await?;
        self.join(post, "announcements", "announcement_count", at).await?;
        self.world().notify(&post.author, "reblog", activity, self, at).await?;
        Ok(activity)
    }

    /// Reacts to a post with an emoji; returns the id of the `EmojiReact`. If another account
    /// already used the emoji, this adds a second entry, which the servers would merge.
    pub async fn reacts(&self, post: &Post, emoji: &str) -> Result<Uuid> {
        let at = self.world().tick();
        let (to, cc) = self.reaction_audience(post);
        let mut data = self.reaction("EmojiReact", post, to, &cc);
        data["content"] = json!(emoji);
        let mut entry = json!([emoji, [self.ap_id()]]);
        if self.world().flavour() != Flavour::Pleroma22 {
            data["tag"] = json!([]);
            entry = json!([emoji, [self.ap_id()], null]);
        }
        let activity = self.publish_at(at, data).await?;
        self.prepend(post, "reactions", "reaction_count", entry, at).await?;
        self.world().notify(&post.author, "pleroma:emoji_reaction", activity, self, at).await?;
        Ok(activity)
    }

    /// Pins one of the account's own posts to its profile.
    pub async fn pins(&self, post: &Post) -> Result<()> {
        let world = self.world();
        if world.flavour() == Flavour::Pleroma22 {
            sqlx::query(
                "update users set pinned_activities = array_prepend($2, pinned_activities)
                 where id = $1",
            )
            .bind(self.id())
            .bind(flake_text(post.activity))
            .execute(world.pool())
            .await?;
            return Ok(());
        }
        let at = world.tick();
        let pin = json!({ post.object.as_str(): format!("{}.000000", at.second()) });
        sqlx::query("update users set pinned_objects = pinned_objects || $2 where id = $1")
            .bind(self.id())
            .bind(pin)
            .execute(world.pool())
            .await?;
        let mut data = self.reaction("Add", post, vec![PUBLIC.to_owned()], &[self.followers()]);
        if let Some(fields) = data.as_object_mut() {
            fields.remove("context");
        }
        data["target"] = json!(format!("{}/collections/featured", self.ap_id()));
        self.publish_at(at, data).await?;
        Ok(())
    }

    /// Bookmarks a post; returns `bookmarks.id`.
    pub async fn bookmarks(&self, post: &Post) -> Result<i64> {
        let row = json!({"user_id": self.id(), "activity_id": post.activity});
        self.world().insert_dated("bookmarks", self.world().tick(), row).await
    }

    /// Returns `to` and `cc` of a Like or `EmojiReact`.
    fn reaction_audience(&self, post: &Post) -> (Vec<String>, Vec<String>) {
        let author = post.author.ap_id().to_owned();
        if !self.is_local() {
            return (vec![author], Vec::new());
        }
        (vec![author, self.followers()], vec![PUBLIC.to_owned()])
    }

    fn reaction(&self, kind: &str, post: &Post, mut to: Vec<String>, cc: &[String]) -> Value {
        let mut data =
            json!({"type": kind, "object": post.object, "cc": cc, "context": post.context});
        if self.world().flavour() != Flavour::Pleroma22 {
            // The newer flavours sort the recipients.
            to.sort();
            data["bto"] = json!([]);
            data["bcc"] = json!([]);
        }
        data["to"] = json!(to);
        data
    }

    async fn join(&self, post: &Post, list: &str, count: &str, at: Moment) -> Result<()> {
        self.prepend(post, list, count, json!(self.ap_id()), at).await
    }

    async fn prepend(
        &self,
        post: &Post,
        list: &str,
        count: &str,
        entry: Value,
        at: Moment,
    ) -> Result<()> {
        sqlx::query(
            "update objects
             set data = data || jsonb_build_object(
                     $2, jsonb_build_array($4) || coalesce(data -> $2, '[]'),
                     $3, jsonb_array_length(coalesce(data -> $2, '[]')) + 1),
                 updated_at = $5::text::timestamp
             where id = $1",
        )
        .bind(post.object_row)
        .bind(list)
        .bind(count)
        .bind(entry)
        .bind(at.second())
        .execute(self.world().pool())
        .await?;
        Ok(())
    }
}

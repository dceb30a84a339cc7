//! An account's relations to another.

use anyhow::Result;
use serde_json::{Value, json};

use super::account::Account;
use crate::flavour::Flavour;

/// `following_relationships.state` of a request without an answer.
const PENDING: i32 = 1;

/// `following_relationships.state` of an accepted request.
const ACCEPTED: i32 = 2;

/// `user_relationships.relationship_type` of a block.
const BLOCK: i32 = 1;

impl Account {
    /// Follows an account, which accepts; updates the counters of both.
    pub async fn follows(&self, other: &Account) -> Result<()> {
        self.relate(other, ACCEPTED).await?;
        let counters = [
            ("update users set following_count = following_count + 1 where id = $1", self),
            ("update users set follower_count = follower_count + 1 where id = $1", other),
        ];
        for (statement, account) in counters {
            sqlx::query(statement).bind(account.id()).execute(self.world().pool()).await?;
        }
        Ok(())
    }

    /// Requests to follow an account that has not answered yet.
    pub async fn requests_to_follow(&self, other: &Account) -> Result<()> {
        self.relate(other, PENDING).await
    }

    /// Blocks an account.
    pub async fn blocks(&self, other: &Account) -> Result<()> {
        let at = self.world().tick();
        let row = json!({
            "source_id": self.id(), "target_id": other.id(), "relationship_type": BLOCK,
            "inserted_at": at.second(),
        });
        self.world().insert("user_relationships", row).await?;
        self.publish_at(at, self.towards("Block", other, other.ap_id())).await?;
        Ok(())
    }

    async fn relate(&self, other: &Account, state: i32) -> Result<()> {
        let world = self.world();
        let at = world.tick();
        let row = json!({"follower_id": self.id(), "following_id": other.id(), "state": state});
        world.insert_dated("following_relationships", at, row).await?;
        let mut follow = self.towards("Follow", other, other.ap_id());
        let accepted = state == ACCEPTED;
        follow["state"] = json!(if accepted { "accept" } else { "pending" });
        let activity = self.publish_at(at, follow).await?;
        let kind = if accepted { "follow" } else { "follow_request" };
        world.notify(other, kind, activity, self, at).await?;
        if accepted {
            let request = self.address_of("activities", at, 1);
            other.publish_at(world.tick(), other.towards("Accept", self, &request)).await?;
        }
        Ok(())
    }

    fn towards(&self, kind: &str, other: &Account, object: &str) -> Value {
        let mut data = json!({"type": kind, "to": [other.ap_id()], "cc": [], "object": object});
        if self.world().flavour() != Flavour::Pleroma22 {
            data["bto"] = json!([]);
            data["bcc"] = json!([]);
        }
        data
    }
}

//! An account, and the activities it publishes.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use super::draft::Draft;
use super::{BASE, Moment, World};
use crate::flavour::Flavour;

/// An account of this server or of another one.
#[derive(Debug, Clone)]
pub struct Account {
    world: World,
    id: Uuid,
    nickname: String,
    address: String,
    base: String,
    local: bool,
}

impl Account {
    pub(super) async fn create(world: &World, name: &str, host: Option<&str>) -> Result<Self> {
        let at = world.tick();
        let base = host.map_or_else(|| BASE.to_owned(), |host| format!("https://{host}"));
        let account = Self {
            world: world.clone(),
            id: at.flake(),
            nickname: host.map_or_else(|| name.to_owned(), |host| format!("{name}@{host}")),
            address: format!("{base}/users/{name}"),
            base,
            local: host.is_none(),
        };
        world.insert_as_far_as_known("users", account.row(name, at)).await?;
        if world.flavour() == Flavour::Akkoma {
            let key = json!({
                "key_id": format!("{}#main-key", account.address),
                "user_id": account.id,
                "public_key": format!("<public key of {name}>"),
                "private_key": account.local.then(|| format!("<private key of {name}>")),
                "inserted_at": at.second(),
                "updated_at": at.second(),
            });
            world.insert_as_far_as_known("signing_keys", key).await?;
        }
        Ok(account)
    }

    /// Returns the id, `users.id`.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Returns the nickname as stored: with the host for a remote account.
    pub fn nickname(&self) -> &str {
        &self.nickname
    }

    /// Returns the ActivityPub id.
    pub fn ap_id(&self) -> &str {
        &self.address
    }

    /// Returns the address of the followers' collection.
    pub fn followers(&self) -> String {
        format!("{}/followers", self.address)
    }

    /// Whether it is a local account.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Begins a post; public by default.
    pub fn posts(&self, text: &str) -> Draft {
        Draft::new(self, text)
    }

    /// Deactivates the account only; its other rows stay.
    pub async fn is_deactivated(&self) -> Result<()> {
        let statement = match self.world.flavour() {
            Flavour::Pleroma22 => "update users set deactivated = true where id = $1",
            Flavour::Pleroma | Flavour::Akkoma => {
                "update users set is_active = false where id = $1"
            }
        };
        sqlx::query(statement).bind(self.id).execute(self.world.pool()).await?;
        Ok(())
    }

    /// Reads a column of the account's row as JSON, e.g. `note_count`.
    pub async fn column(&self, name: &str) -> Result<Value> {
        let row = sqlx::query("select to_jsonb(u) -> $2 from users u where id = $1")
            .bind(self.id)
            .bind(name)
            .fetch_one(self.world.pool())
            .await?;
        row.try_get::<Option<Value>, _>(0)?.with_context(|| format!("users has no column {name}"))
    }

    /// Publishes any activity: `data` without `id` and `actor`, which are added. The recipients are
    /// `to` and `cc`. Returns the activity's id.
    pub async fn publishes(&self, data: Value) -> Result<Uuid> {
        let at = self.world.tick();
        self.publish_at(at, data).await
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// Returns the ActivityPub id for something that this account creates; `kind` is e.g.
    /// `objects`.
    pub(super) fn address_of(&self, kind: &str, at: Moment, salt: u64) -> String {
        if self.local {
            format!("{}/{kind}/{}", self.base, at.random(salt))
        } else {
            format!("{}/{kind}/{}", self.base, at.number())
        }
    }

    pub(super) async fn publish_at(&self, at: Moment, mut data: Value) -> Result<Uuid> {
        data["id"] = json!(self.address_of("activities", at, 1));
        data["actor"] = json!(self.address);
        let creates = data["type"] == "Create";
        let mut recipients: Vec<String> = Vec::new();
        for field in ["to", "cc"] {
            let list = data[field].as_array().into_iter().flatten();
            recipients.extend(list.filter_map(Value::as_str).map(str::to_owned));
        }
        // Only a Create also goes to its author, and to each recipient once.
        if creates {
            recipients.push(self.address.clone());
            let mut seen = std::collections::BTreeSet::new();
            recipients.retain(|recipient| seen.insert(recipient.clone()));
        }
        let row = json!({
            "id": at.flake(),
            "data": data,
            "actor": self.address,
            "local": self.local,
            "recipients": recipients,
            "inserted_at": at.second(),
            "updated_at": at.second(),
        });
        self.world.insert("activities", row).await?;
        Ok(at.flake())
    }

    fn row(&self, name: &str, at: Moment) -> Value {
        let mut row = json!({
            "id": self.id,
            "ap_id": self.address,
            "nickname": self.nickname,
            "bio": "",
            "avatar": {},
            "local": self.local,
            "follower_address": self.followers(),
            "following_address": format!("{}/following", self.address),
            "last_digest_emailed_at": at.second(),
            "inserted_at": at.second(),
            "updated_at": at.second(),
            "featured_address": format!("{}/collections/featured", self.address),
        });
        if self.local {
            row["name"] = json!(format!("Name of {name}"));
            row["email"] = json!(format!("{name}@peer.example"));
            row["password_hash"] = json!("<no password>");
            row["keys"] = json!(format!("<private key of {name}>"));
            if self.world.flavour() != Flavour::Akkoma {
                row["accepts_chat_messages"] = json!(true);
            }
        } else {
            row["name"] = json!(format!("Remote {name}"));
            row["uri"] = json!(self.address);
            row["inbox"] = json!(format!("{}/inbox", self.address));
            row["shared_inbox"] = json!(format!("{}/inbox", self.base));
            row["last_refreshed_at"] = json!(at.second());
            row["public_key"] = json!(format!("<public key of {name}>"));
            row["ap_enabled"] = json!(true);
        }
        row
    }
}

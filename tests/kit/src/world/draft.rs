//! A post: its audience, its references, and its rows.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use uuid::Uuid;

use super::account::Account;
use super::{BASE, Moment};
use crate::flavour::Flavour;

/// Audience of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    Public,
    Unlisted,
    Followers,
    Direct,
}

/// A draft of a post; `create` inserts its rows.
#[derive(Debug, Clone)]
#[must_use = "a draft becomes a post by `create`"]
pub struct Draft {
    pub(super) author: Account,
    pub(super) text: String,
    pub(super) audience: Audience,
    pub(super) mentioned: Vec<Account>,
    pub(super) parent: Option<Post>,
    pub(super) quoted: Option<Post>,
    pub(super) hashtags: Vec<String>,
    files: Vec<String>,
}

/// A post in the database.
#[derive(Debug, Clone)]
pub struct Post {
    /// Author of the post.
    pub author: Account,
    /// `activities.id` of its Create.
    pub activity: Uuid,
    /// ActivityPub id of its object.
    pub object: String,
    /// `objects.id` of its object.
    pub object_row: i64,
    /// Thread it belongs to.
    pub context: String,
}

impl Draft {
    pub(super) fn new(author: &Account, text: &str) -> Self {
        Self {
            author: author.clone(),
            text: text.to_owned(),
            audience: Audience::Public,
            mentioned: Vec::new(),
            parent: None,
            quoted: None,
            hashtags: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Shows the post to everyone, on the public timelines.
    pub fn public(mut self) -> Self {
        self.audience = Audience::Public;
        self
    }

    /// Shows the post to everyone, but not on the public timelines.
    pub fn unlisted(mut self) -> Self {
        self.audience = Audience::Unlisted;
        self
    }

    /// Limits the post to followers and mentioned accounts.
    pub fn followers_only(mut self) -> Self {
        self.audience = Audience::Followers;
        self
    }

    /// Limits the post to this account and other mentioned accounts.
    pub fn direct_to(mut self, account: &Account) -> Self {
        self.audience = Audience::Direct;
        self.mentioning(account)
    }

    /// Mentions an account.
    pub fn mentioning(mut self, account: &Account) -> Self {
        if !self.mentioned.iter().any(|known| known.id() == account.id()) {
            self.mentioned.push(account.clone());
        }
        self
    }

    /// Replies to a post, in its thread; addresses its author.
    pub fn replying_to(mut self, post: &Post) -> Self {
        self.parent = Some(post.clone());
        self.mentioning(&post.author)
    }

    /// Quotes a post. Pleroma 2.2 has no quotes: `create` fails there.
    pub fn quoting(mut self, post: &Post) -> Self {
        self.quoted = Some(post.clone());
        self
    }

    /// Adds a hashtag, without `#`.
    pub fn tagged(mut self, hashtag: &str) -> Self {
        self.hashtags.push(hashtag.to_lowercase());
        self
    }

    /// Attaches an uploaded picture with this file name.
    pub fn with_attachment(mut self, file: &str) -> Self {
        self.files.push(file.to_owned());
        self
    }

    /// Inserts the rows: object, Create, hashtags, attachments, mentions. Increments the counters
    /// of the author, the parent and the quoted post, as the flavour does.
    pub async fn create(self) -> Result<Post> {
        let world = self.author.world().clone();
        let flavour = world.flavour();
        if self.quoted.is_some() && flavour == Flavour::Pleroma22 {
            bail!("Pleroma 2.2 knows no quotes");
        }
        let attachments = self.attach().await?;
        let at = world.tick();
        let context = match &self.parent {
            Some(parent) => parent.context.clone(),
            None => self.author.address_of("contexts", at, 3),
        };
        let context_row = self.context_row(&context, at).await?;
        let object = self.author.address_of("objects", at, 2);
        let mut data = self.object_data(&object, &context, at);
        data["attachment"] = json!(attachments);
        let mut create = self.create_data(&object, &context, at);
        if let Some(row) = context_row {
            data["context_id"] = json!(row);
            create["context_id"] = json!(row);
        }
        let object_row = world.insert_dated("objects", at, json!({ "data": data })).await?;
        let activity = self.author.publish_at(at, create).await?;
        for account in &self.mentioned {
            world.notify(account, "mention", activity, &self.author, at).await?;
        }
        self.link_hashtags(object_row, at).await?;
        self.count(at).await?;
        Ok(Post { author: self.author, activity, object, object_row, context })
    }

    /// Inserts an object per uploaded file, as an upload does before the post.
    async fn attach(&self) -> Result<Vec<Value>> {
        let world = self.author.world();
        let mut attachments = Vec::new();
        for file in &self.files {
            let at = world.tick();
            let mut data = json!({
                "type": "Document", "name": "", "mediaType": "image/png",
                "actor": self.author.ap_id(),
                "url": [{
                    "type": "Link", "mediaType": "image/png",
                    "href": format!("{BASE}/media/{}/{file}", at.random(4).simple()),
                }],
            });
            if world.flavour() != Flavour::Pleroma22 {
                data["id"] = json!(self.author.address_of("objects", at, 5));
            }
            world.insert_dated("objects", at, json!({ "data": data })).await?;
            attachments.push(data);
        }
        Ok(attachments)
    }

    /// Returns the row that Pleroma 2.2 keeps for a thread; inserts it for a new thread.
    async fn context_row(&self, context: &str, at: Moment) -> Result<Option<i64>> {
        let world = self.author.world();
        if world.flavour() != Flavour::Pleroma22 {
            return Ok(None);
        }
        let known = sqlx::query_scalar("select id from objects where data ->> 'id' = $1")
            .bind(context)
            .fetch_optional(world.pool())
            .await?;
        if known.is_some() {
            return Ok(known);
        }
        let row = json!({"data": {"id": context}});
        Ok(Some(world.insert_dated("objects", at, row).await?))
    }

    async fn link_hashtags(&self, object_row: i64, at: Moment) -> Result<()> {
        let world = self.author.world();
        if world.flavour() == Flavour::Pleroma22 {
            return Ok(());
        }
        for name in &self.hashtags {
            let known: Option<i64> = sqlx::query_scalar("select id from hashtags where name = $1")
                .bind(name)
                .fetch_optional(world.pool())
                .await?;
            let hashtag = match known {
                Some(id) => id,
                None => world.insert_dated("hashtags", at, json!({ "name": name })).await?,
            };
            let link = json!({"hashtag_id": hashtag, "object_id": object_row});
            world.insert("hashtags_objects", link).await?;
        }
        Ok(())
    }

    async fn count(&self, at: Moment) -> Result<()> {
        let world = self.author.world();
        let flavour = world.flavour();
        if self.is_visible_to_all() {
            sqlx::query("update users set note_count = note_count + 1 where id = $1")
                .bind(self.author.id())
                .execute(world.pool())
                .await?;
        }
        if world.has_column("users", "last_status_at").await? {
            sqlx::query("update users set last_status_at = $2::text::timestamp where id = $1")
                .bind(self.author.id())
                .bind(at.second())
                .execute(world.pool())
                .await?;
        }
        if let Some(parent) = &self.parent
            && (flavour != Flavour::Akkoma || self.is_visible_to_all())
        {
            parent.counts_one_more("repliesCount").await?;
        }
        if let Some(quoted) = &self.quoted
            && flavour == Flavour::Pleroma
        {
            quoted.counts_one_more("quotesCount").await?;
        }
        Ok(())
    }
}

impl Post {
    async fn counts_one_more(&self, counter: &str) -> Result<()> {
        sqlx::query(
            "update objects
             set data = jsonb_set(
                 data, array[$2], to_jsonb(coalesce((data ->> $2)::int, 0) + 1), true)
             where id = $1",
        )
        .bind(self.object_row)
        .bind(counter)
        .execute(self.author.world().pool())
        .await?;
        Ok(())
    }
}

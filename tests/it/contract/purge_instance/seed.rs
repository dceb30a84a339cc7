//! One of every kind of rows that a host leaves in a database.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Account, Database, PUBLIC, Post, World, put_together};
use uuid::Uuid;

/// Local accounts that have to do with hosts.
pub(super) struct Locals {
    pub(super) alice: Account,
    pub(super) bob: Account,
}

/// What a host has left, as far as tests ask for it.
pub(super) struct Left {
    pub(super) mallory: Account,
    /// Post that alice has answered, liked, boosted, reacted to and bookmarked.
    pub(super) hello: Post,
    /// Post with which nobody had to do.
    pub(super) lonely: Post,
    /// Post of alice that the host has liked, boosted, reacted to, answered.
    pub(super) mine: Post,
    /// Poll of alice in which both accounts of the host have voted.
    pub(super) poll: Post,
}

/// Fills a database.
pub(super) struct Seed<'a> {
    pub(super) world: World,
    pub(super) pool: PgPool,
    pub(super) locals: &'a Locals,
}

const TIME: &str = "2025-01-02T00:00:00";

impl Locals {
    pub(super) async fn new(world: &World) -> Result<Self> {
        Ok(Self { alice: world.local("alice").await?, bob: world.local("bob").await? })
    }
}

impl<'a> Seed<'a> {
    pub(super) fn new(database: &Database, world: &World, locals: &'a Locals) -> Self {
        Self { world: world.clone(), pool: database.pool(), locals }
    }

    /// Inserts what a release has of a row, if it has the table; returns the row.
    pub(super) async fn put(&self, table: &str, mut row: Value) -> Result<Option<Value>> {
        let columns: Vec<String> = sqlx::query_scalar(
            "select attname::text from pg_attribute
             where attrelid = to_regclass('public.' || $1) and attnum > 0 and not attisdropped",
        )
        .bind(table)
        .fetch_all(&self.pool)
        .await?;
        if columns.is_empty() {
            return Ok(None);
        }
        row["inserted_at"] = json!(TIME);
        row["updated_at"] = json!(TIME);
        let fields = row.as_object_mut().context("a row is an object")?;
        fields.retain(|name, _| columns.contains(name));
        let names: Vec<String> = fields.keys().map(|name| format!("\"{name}\"")).collect();
        let names = names.join(", ");
        let statement = format!(
            "insert into {table} ({names}) select {names} from jsonb_populate_record(null::{table}, $1)
             returning to_jsonb({table})"
        );
        let put = sqlx::query_scalar(put_together(statement)).bind(row).fetch_one(&self.pool).await;
        Ok(Some(put.with_context(|| format!("cannot insert into {table}"))?))
    }

    pub(super) async fn does(&self, statement: &'static str, texts: &[&str]) -> Result<()> {
        let mut query = sqlx::query(statement);
        for text in texts {
            query = query.bind((*text).to_owned());
        }
        query.execute(&self.pool).await.with_context(|| statement.to_owned())?;
        Ok(())
    }

    /// Everything a host can leave behind. `tag`: distinguishes what belongs to several hosts.
    pub(super) async fn everything(&self, host: &str, tag: &str) -> Result<Left> {
        let Locals { alice, bob } = self.locals;
        let mallory = self.world.remote("mallory", host).await?;
        let minion = self.world.remote("minion", host).await?;
        let hello =
            mallory.posts("hello").tagged(&format!("only{tag}")).tagged("common").create().await?;
        let lonely = mallory.posts("nobody").followers_only().create().await?;
        mallory.pins(&hello).await?;
        let mine = alice.posts(&format!("mine for {tag}")).tagged("common").create().await?;
        self.interactions(&hello, &mine, &mallory, &minion).await?;
        mallory.follows(alice).await?;
        minion.follows(alice).await?;
        alice.follows(&mallory).await?;
        bob.follows(&mallory).await?;
        minion.requests_to_follow(bob).await?;
        bob.blocks(&minion).await?;
        minion.blocks(bob).await?;
        self.odd_names(host, tag).await?;
        self.conversation(&mallory, tag).await?;
        let poll = self.poll(&mallory, &minion, host, tag).await?;
        self.chat(&mallory, host).await?;
        self.undone(&mallory, &lonely, host).await?;
        self.without_activity(&mallory, host, tag).await?;
        self.rows(&mallory, &minion, &mine, &hello, host).await?;
        self.report(&minion, "resolved", host, &[]).await?;
        for account in [alice.ap_id(), minion.ap_id()] {
            mallory
                .publishes(json!({
                    "type": "Flag", "state": "closed", "object": [account], "to": [], "cc": [],
                    "content": host,
                }))
                .await?;
        }
        self.emoji(&mallory, &mine, host).await?;
        Ok(Left { mallory, hello, lonely, mine, poll })
    }

    async fn interactions(
        &self,
        hello: &Post,
        mine: &Post,
        mallory: &Account,
        minion: &Account,
    ) -> Result<()> {
        let Locals { alice, bob } = self.locals;
        alice.likes(hello).await?;
        alice.boosts(hello).await?;
        alice.reacts(hello, "🔥").await?;
        alice.bookmarks(hello).await?;
        let answer = alice.posts("an answer").replying_to(hello).create().await?;
        minion.likes(hello).await?;
        bob.likes(mine).await?;
        mallory.likes(mine).await?;
        minion.likes(mine).await?;
        mallory.boosts(mine).await?;
        bob.boosts(mine).await?;
        mallory.reacts(mine, "🦖").await?;
        bob.reacts(mine, "🦖").await?;
        mallory.posts("a reply").replying_to(mine).create().await?;
        minion.posts("hidden").followers_only().replying_to(mine).create().await?;
        minion.posts("more").replying_to(&answer).create().await?;
        if self.world.flavour() == testkit::Flavour::Pleroma {
            minion.posts("quoted").quoting(mine).create().await?;
        }
        self.does(
            "update objects set data = data || '{\"repliesCount\": 10, \"quotesCount\": 10}' where data ->> 'id' = $1",
            &[&mine.object],
        )
        .await?;
        Ok(())
    }

    /// Accounts whose nickname and address are on different hosts.
    async fn odd_names(&self, host: &str, tag: &str) -> Result<()> {
        let elsewhere = format!("elsewhere-{tag}.test");
        let by_nickname = self.world.remote("named", &elsewhere).await?;
        self.does(
            "update users set nickname = 'named@' || $2 where ap_id = $1",
            &[by_nickname.ap_id(), host],
        )
        .await?;
        by_nickname.posts("named").create().await?;
        by_nickname.follows(&self.locals.bob).await?;
        let row = json!({
            "user_id": self.locals.bob.id(), "title": "odd",
            "following": [by_nickname.ap_id(), by_nickname.followers()],
        });
        self.put("lists", row).await?;
        let by_address = self.world.remote("placed", host).await?;
        self.does(
            "update users set nickname = 'placed@' || $2 where ap_id = $1",
            &[by_address.ap_id(), &elsewhere],
        )
        .await?;
        by_address.posts("placed").create().await?;
        Ok(())
    }

    async fn conversation(&self, mallory: &Account, tag: &str) -> Result<()> {
        let Locals { alice, bob } = self.locals;
        let direct = mallory.posts(&format!("psst {tag}")).direct_to(alice).create().await?;
        let answered = mallory.posts(&format!("you too {tag}")).direct_to(bob).create().await?;
        bob.posts("no").direct_to(mallory).replying_to(&answered).create().await?;
        for (post, local) in [(&direct, alice), (&answered, bob)] {
            let row = json!({"ap_id": post.context});
            let conversation = self.put("conversations", row).await?.context("no conversations")?;
            let row = json!({"conversation_id": conversation["id"], "user_id": local.id(), "read": false, "last_bump": post.activity});
            let part =
                self.put("conversation_participations", row).await?.context("no participations")?;
            let row = json!({"user_id": mallory.id(), "participation_id": part["id"]});
            self.put("conversation_participation_recipient_ships", row).await?;
            let row = json!({"user_id": local.id(), "context": post.context});
            self.put("thread_mutes", row).await?;
        }
        Ok(())
    }

    /// A poll of alice, and one of the host; each has voted in the other's.
    async fn poll(
        &self,
        mallory: &Account,
        minion: &Account,
        host: &str,
        tag: &str,
    ) -> Result<Post> {
        let Locals { alice, bob } = self.locals;
        let poll = alice.posts(&format!("which {tag}?")).create().await?;
        let voters = json!([bob.ap_id(), mallory.ap_id(), minion.ap_id()]);
        let question = json!({
            "type": "Question", "voters": voters, "repliesCount": 3,
            "oneOf": [
                {"type": "Note", "name": "this", "replies": {"type": "Collection", "totalItems": 2}},
                {"type": "Note", "name": "that", "replies": {"type": "Collection", "totalItems": 1}},
            ],
        });
        sqlx::query("update objects set data = data || $2 where id = $1")
            .bind(poll.object_row)
            .bind(question)
            .execute(&self.pool)
            .await?;
        for (voter, base, name) in [
            (mallory, format!("https://{host}"), "this"),
            (minion, format!("https://{host}"), "that"),
            (bob, testkit::BASE.to_owned(), "this"),
        ] {
            self.vote(voter, &base, &poll, name).await?;
        }
        let theirs = mallory.posts("which?").create().await?;
        sqlx::query("update objects set data = data || '{\"type\": \"Question\"}' where id = $1")
            .bind(theirs.object_row)
            .execute(&self.pool)
            .await?;
        self.vote(alice, testkit::BASE, &theirs, "this").await?;
        Ok(poll)
    }

    async fn vote(&self, voter: &Account, base: &str, poll: &Post, name: &str) -> Result<()> {
        let id = format!("{base}/objects/{}", Uuid::new_v4());
        let to = [poll.author.ap_id()];
        let data = json!({
            "id": id, "type": "Answer", "actor": voter.ap_id(), "name": name, "to": to, "cc": [],
            "inReplyTo": poll.object, "context": poll.context,
        });
        self.put("objects", json!({ "data": data })).await?;
        voter
            .publishes(json!({"type": "Create", "object": id, "to": to, "cc": [], "context": poll.context}))
            .await?;
        Ok(())
    }

    async fn chat(&self, mallory: &Account, host: &str) -> Result<()> {
        let alice = &self.locals.alice;
        let row =
            json!({"id": Uuid::new_v4(), "user_id": alice.id(), "recipient": mallory.ap_id()});
        let Some(chat) = self.put("chats", row).await? else { return Ok(()) };
        for (from, to, base) in [
            (mallory, alice, format!("https://{host}")),
            (alice, mallory, testkit::BASE.to_owned()),
        ] {
            let object = format!("{base}/objects/{}", Uuid::new_v4());
            let data = json!({
                "id": object, "type": "ChatMessage", "actor": from.ap_id(), "to": [to.ap_id()],
                "content": "hi",
            });
            let row = self.put("objects", json!({ "data": data })).await?.context("no objects")?;
            from.publishes(
                json!({"type": "Create", "object": object, "to": [to.ap_id()], "cc": []}),
            )
            .await?;
            let reference = json!({
                "id": Uuid::new_v4(), "chat_id": chat["id"],
                "object_id": row["id"], "unread": true,
            });
            self.put("chat_message_references", reference).await?;
        }
        Ok(())
    }

    /// A like that was taken back, and a post of the host that was deleted.
    async fn undone(&self, mallory: &Account, lonely: &Post, host: &str) -> Result<()> {
        let alice = &self.locals.alice;
        alice
            .publishes(json!({
                "type": "Undo", "object": format!("{}/activities/{}", testkit::BASE, Uuid::new_v4()),
                "to": [mallory.ap_id(), alice.followers()], "cc": [PUBLIC],
            }))
            .await?;
        alice
            .publishes(json!({
                "type": "Like", "object": format!("https://{host}/objects/pruned"),
                "to": [mallory.ap_id()], "cc": [],
            }))
            .await?;
        let tombstone = format!("https://{host}/objects/deleted");
        let data = json!({
            "id": tombstone, "type": "Tombstone", "formerType": "Note",
            "deleted": "2025-01-02T00:00:00.000000Z",
        });
        self.put("objects", json!({ "data": data })).await?;
        mallory
            .publishes(json!({"type": "Delete", "object": tombstone, "to": [PUBLIC], "cc": []}))
            .await?;
        mallory
            .publishes(json!({"type": "Update", "object": {"id": lonely.object, "type": "Note"}, "to": [PUBLIC], "cc": []}))
            .await?;
        Ok(())
    }

    /// Objects without a Create, and what an account did whose row is gone.
    async fn without_activity(&self, mallory: &Account, host: &str, tag: &str) -> Result<()> {
        let alice = &self.locals.alice;
        let fetched = format!("https://{host}/objects/fetched");
        let data = json!({
            "id": fetched, "type": "Note", "actor": mallory.ap_id(), "content": "fetched",
            "to": [PUBLIC], "cc": [], "context": format!("https://{host}/contexts/fetched"),
        });
        self.put("objects", json!({ "data": data })).await?;
        alice
            .publishes(
                json!({"type": "Like", "object": fetched, "to": [mallory.ap_id()], "cc": []}),
            )
            .await?;
        let gone = self.world.remote("gone", host).await?;
        gone.posts(&format!("last words {tag}")).create().await?;
        self.does(
            "insert into objects (data, inserted_at, updated_at)
             values (jsonb_build_object('id', $1 || '/image', 'type', 'Image', 'actor', $1), now(), now())",
            &[gone.ap_id()],
        )
        .await?;
        self.does("delete from users where ap_id = $1", &[gone.ap_id()]).await
    }

    /// Rows that name the host or its accounts in other tables.
    async fn rows(
        &self,
        mallory: &Account,
        minion: &Account,
        mine: &Post,
        hello: &Post,
        host: &str,
    ) -> Result<()> {
        let Locals { alice, bob } = self.locals;
        self.put("deliveries", json!({"object_id": mine.object_row, "user_id": mallory.id()}))
            .await?;
        self.put("deliveries", json!({"object_id": hello.object_row, "user_id": minion.id()}))
            .await?;
        let row = json!({
            "user_id": alice.id(), "title": "friends",
            "following": [bob.ap_id(), mallory.ap_id(), minion.followers()],
        });
        self.put("lists", row).await?;
        self.put("instances", json!({"host": host, "unreachable_since": TIME})).await?;
        let note =
            json!({"source_id": alice.id(), "target_id": mallory.id(), "comment": "careful"});
        self.put("user_notes", note).await?;
        let mute =
            json!({"source_id": alice.id(), "target_id": mallory.id(), "relationship_type": 2});
        self.put("user_relationships", mute).await?;
        for args in [
            json!({"op": "publish_one", "params": {"inbox": format!("https://{host}/inbox"), "activity_id": "x"}}),
            json!({"op": "incoming_ap_doc", "params": {"actor": mallory.ap_id(), "type": "Create"}}),
            json!({"op": "fetch_remote", "id": format!("https://{host}/objects/next")}),
        ] {
            let row = json!({"queue": "federator_outgoing", "worker": "W", "state": "available", "args": args});
            self.put("oban_jobs", row).await?;
        }
        Ok(())
    }

    /// A custom emoji of the host, with which bob reacts as well.
    async fn emoji(&self, mallory: &Account, post: &Post, host: &str) -> Result<()> {
        let url = format!("https://{host}/emoji/blob.png");
        let bob = &self.locals.bob;
        for account in [mallory, bob] {
            let tag =
                json!([{"type": "Emoji", "name": ":blob:", "icon": {"type": "Image", "url": url}}]);
            account
                .publishes(json!({
                    "type": "EmojiReact", "object": post.object, "content": ":blob:", "tag": tag,
                    "to": [post.author.ap_id()], "cc": [],
                }))
                .await?;
        }
        let entry = json!(["blob", [bob.ap_id(), mallory.ap_id()], url]);
        sqlx::query(
            "update objects set data = jsonb_set(data, '{reactions}', (data -> 'reactions') || jsonb_build_array($2::jsonb))
             where id = $1",
        )
        .bind(post.object_row)
        .bind(entry)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A report of bob on an account of the host, with a note, about some of its posts.
    pub(super) async fn report(
        &self,
        account: &Account,
        state: &str,
        host: &str,
        posts: &[&Post],
    ) -> Result<Uuid> {
        let Locals { alice, bob } = self.locals;
        let mut about = vec![json!(account.ap_id())];
        about.extend(posts.iter().map(|post| {
            json!({"type": "Note", "id": post.object, "content": "…", "actor": {"id": account.ap_id()}})
        }));
        let report = bob
            .publishes(json!({
                "type": "Flag", "state": state, "object": about, "content": format!("bad: {host}"),
                "to": [], "cc": [account.ap_id()], "context": format!("{}/contexts/{}", testkit::BASE, Uuid::new_v4()),
            }))
            .await?;
        let note = json!({"user_id": alice.id(), "activity_id": report, "content": format!("known: {host}")});
        self.put("report_notes", note).await?;
        Ok(report)
    }
}

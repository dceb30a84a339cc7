//! A community of a realistic size and shape, for demonstrations and measurements.

mod indexes;

use anyhow::{Context as _, Result};
use sqlx::{Connection as _, Executor as _, PgConnection};

use self::indexes::DroppedIndexes;

/// Size of a community of flavour `pleroma`. Besides what the fields name, it has follow relations
/// in both directions, posts of other accounts (three for every five of the prolific account),
/// replies, polls, chats, reactions, notifications, bookmarks, hashtags, pins and attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Community {
    /// Posts of the account [`Community::PROLIFIC`], minimum 1,000. It also gives a tenth as many
    /// likes and a twentieth as many boosts.
    pub posts: i32,
    /// Local accounts, including the prolific one. Minimum 50.
    pub local_accounts: i32,
    /// Accounts of a few dozen other servers. Minimum 50.
    pub other_accounts: i32,
    /// Accounts of the server [`Community::SPAM_HOST`]. Minimum 10.
    pub spam_accounts: i32,
    /// Number of local accounts that each spam account follows. [`Community::followed_by`] returns
    /// the number that follow it.
    pub spam_follows: i32,
}

impl Default for Community {
    fn default() -> Self {
        Self {
            posts: 20_000,
            local_accounts: 300,
            other_accounts: 1_000,
            spam_accounts: 1_000,
            spam_follows: 3,
        }
    }
}

impl Community {
    /// Nickname of the local account with the most posts.
    pub const PROLIFIC: &str = "prolific";

    /// Nickname of the account with as many posts, when two accounts share them.
    pub const SECOND: &str = "cleo2";

    /// Host of the spam accounts.
    pub const SPAM_HOST: &str = "spam.example";

    /// Base URL of the server that owns the database.
    pub const BASE: &str = "https://social.example";

    /// Number of local accounts that follow a spam account which follows `follows` of them.
    pub const fn followed_by(follows: i32) -> i32 {
        follows * 2 / 3
    }

    /// Writes the community's rows into an empty database, in one transaction. The rows are the
    /// same each time. Only the end of their two years differs: it is one hour ago. Needs a
    /// superuser, because triggers are off during the transaction. Takes about 0.4 ms per post of
    /// the account.
    pub async fn seed(&self, db: &mut PgConnection) -> Result<()> {
        self.seed_among(db, 1).await
    }

    /// Writes the same rows, with the prolific account's posts shared evenly among `authors` local
    /// accounts: itself, [`Community::SECOND`] and those after it.
    pub async fn seed_among(&self, db: &mut PgConnection, authors: i32) -> Result<()> {
        let mut transaction = db.begin().await?;
        transaction
            .execute(
                "set local session_replication_role = replica; set local jit = off;
                      set local work_mem = '128MB'; set local maintenance_work_mem = '1GB'",
            )
            .await?;
        transaction
            .execute(
                "create temp table seed (posts int, locals int, others int, spam_accounts int,
                     spam_follows int, spam_followed int, authors int, start_ms bigint, span_ms bigint) on commit drop",
            )
            .await?;
        sqlx::query(
            "insert into seed select $1, $2, $3, $4, $5, $6, $7,
                 (extract(epoch from now()) * 1000)::bigint - 3600000 - 63072000000, 63072000000",
        )
        .bind(self.posts)
        .bind(self.local_accounts)
        .bind(self.other_accounts)
        .bind(self.spam_accounts)
        .bind(self.spam_follows)
        .bind(Self::followed_by(self.spam_follows))
        .bind(authors)
        .execute(&mut *transaction)
        .await?;
        let indexes = DroppedIndexes::drop_from(&mut transaction).await?;
        for (name, statements) in [
            ("people", include_str!("people.sql")),
            ("posts", include_str!("posts.sql")),
            ("rows", include_str!("rows.sql")),
            ("beside", include_str!("beside.sql")),
        ] {
            sqlx::raw_sql(statements)
                .execute(&mut *transaction)
                .await
                .with_context(|| format!("the community's {name} cannot be written"))?;
        }
        indexes.make_again(&mut transaction).await?;
        transaction.commit().await?;
        db.execute("vacuum analyze").await?;
        Ok(())
    }
}

//! Owner of schema `ostrakon`: the database's owner, whose dump of the database needs it.

use sqlx::{Connection as _, FromRow, PgConnection};

use super::migrate::MigrateFailed;

/// First version of PostgreSQL with a role that stands for the owner of the database.
const STAND_IN_SINCE: u32 = 140_000;

/// Lists the statements that give schema and tables to the database's owner. Such a statement names
/// a role in its text, and ours are constant: so they go through `pg_database_owner`, of which the
/// owner is a member and no other role can be.
macro_rules! hand_over {
    ($($table:literal),+ $(,)?) => {
        /// Executed as the current owner.
        const TO_STAND_IN: &[&str] = &[
            "alter schema ostrakon owner to pg_database_owner",
            $(concat!("alter table if exists ostrakon.", $table, " owner to pg_database_owner")),+
        ];
        /// Executed as the database's owner.
        const TO_OWNER: &[&str] = &[
            "alter schema ostrakon owner to current_user",
            $(concat!("alter table if exists ostrakon.", $table, " owner to current_user")),+
        ];
    };
}

hand_over!(
    "_sqlx_migrations",
    "runs",
    "run_events",
    "parked_items",
    "workers",
    "actions",
    "delivery_schedule",
    "batch_writes",
    "lowered_counters",
    "instance_accounts",
    "groups",
    "selections",
    "selection_accounts",
);

/// Owners of database and schema, and what the role of this connection may do about them.
#[derive(Debug, FromRow)]
pub(super) struct Owners {
    /// Role of this connection.
    role: String,
    /// Owner of the database.
    owner: String,
    /// Whether the role may act as the owner.
    may_become: bool,
    /// Whether the role owns the server's tables, so that its dumps are those that matter.
    has_the_servers: bool,
    /// What belongs to another role in schema `ostrakon`, as statements that would fix it.
    not_owned: Vec<String>,
    /// Whether the role may give all of that away.
    may_give: bool,
}

impl Owners {
    pub(super) async fn of(db: &mut PgConnection) -> sqlx::Result<Self> {
        sqlx::query_as(include_str!("owners.sql")).fetch_one(db).await
    }

    /// Whether schema `ostrakon`, as far as it exists, may stay with its present owner.
    pub(super) fn are_right(&self) -> bool {
        self.not_owned.is_empty() || self.stays()
    }

    /// Refuses, before anything is done, what this role or this PostgreSQL cannot fix.
    pub(super) fn refuse_what_cannot_be_mended(
        &self,
        db: &PgConnection,
    ) -> Result<(), MigrateFailed> {
        let has_stand_in = db.server_version_num().is_some_and(|version| version >= STAND_IN_SINCE);
        if self.are_right() || self.may_become && self.may_give && has_stand_in {
            return Ok(());
        }
        Err(MigrateFailed::Owner(self.refusal()))
    }

    /// Whether the role creates the tables in its own name.
    fn stays(&self) -> bool {
        !self.may_become && self.has_the_servers
    }

    /// Gives schema `ostrakon` to the database's owner, and acts as the owner from now on, until
    /// [`be_oneself`].
    pub(super) async fn become_owner(&self, db: &mut PgConnection) -> Result<(), MigrateFailed> {
        if self.stays() {
            return Ok(());
        }
        if !self.may_become {
            return Err(MigrateFailed::Owner(self.refusal()));
        }
        if !self.not_owned.is_empty() {
            self.hand_over(db).await?;
        }
        act_as(db, &self.owner, false).await?;
        Ok(())
    }

    async fn hand_over(&self, db: &mut PgConnection) -> Result<(), MigrateFailed> {
        let mut tx = db.begin().await?;
        for statement in TO_STAND_IN {
            sqlx::query(*statement).execute(&mut *tx).await?;
        }
        act_as(&mut tx, &self.owner, true).await?;
        for statement in TO_OWNER {
            sqlx::query(*statement).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Error text that says what to do instead.
    fn refusal(&self) -> String {
        let Self { role, owner, not_owned, .. } = self;
        let pg_dump = format!("so that a backup by {owner} (pg_dump) can read it");
        if not_owned.is_empty() {
            return format!(
                "schema ostrakon has to belong to {owner}, the owner of this database, {pg_dump}; the \
                 role {role} cannot act as {owner}: run this as {owner}, or as a superuser"
            );
        }
        format!(
            "schema ostrakon has to belong to {owner}, the owner of this database, {pg_dump}, and the \
             role {role} cannot mend that: run this once as a superuser, or have one run:\n  {}",
            not_owned.join("\n  ")
        )
    }
}

/// Acts as another role; with `local`, only within the transaction.
async fn act_as(db: &mut PgConnection, role: &str, local: bool) -> sqlx::Result<()> {
    sqlx::query("select set_config('role', $1, $2)").bind(role).bind(local).execute(db).await?;
    Ok(())
}

/// Acts as the login role again.
pub(super) async fn be_oneself(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("reset role").execute(db).await?;
    Ok(())
}

/// Names the role whose backups cannot read schema `ostrakon` although it owns the server's tables.
pub async fn owner_without_backup(db: &mut PgConnection) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select r.rolname::text from pg_class c join pg_roles r on r.oid = c.relowner
         where c.oid = to_regclass('public.users') and not has_schema_privilege(r.oid, 'ostrakon', 'usage')",
    )
    .fetch_optional(db)
    .await
}

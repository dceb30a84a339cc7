//! The three steps of a run.
//!
//! The effect comes first: accounts are switched off before their relations go. Each local account
//! is counted anew once, however many accounts of the host it has to do with; until then its
//! counters are kept right by subtraction, so that a cancelled run leaves them right as well.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{DeactivateInstance, sql::Statements};
use crate::pleroma::{
    Changed, Deed, Person, Server, count_followers, count_following, log_moderation_for,
    refresh_accounts, refresh_again,
};

/// Accounts that are walked over for each one that may be found: there is no index on the host of
/// a nickname, nor one that has local accounts in order, so the primary key is walked in windows.
const WINDOW: i64 = 20;

/// Accounts that are walked over in any case, if none is found: batches that find few stay small, and
/// those of a host may be few among hundreds of thousands.
const WINDOW_MIN: i64 = 5_000;

/// Accounts that a batch walks over at most.
fn window(limit: i64) -> i64 {
    limit.saturating_mul(WINDOW).max(WINDOW_MIN)
}

/// Local accounts whose relations a batch ends at most. One of them may have more relations than a
/// batch may end.
const LOCALS: i64 = 50;

/// How many local accounts a batch takes whose relations end, and how many relations of theirs. One
/// account by itself is an item, which is dealt with as a whole or parked.
pub(super) fn ends_at_most(limit: i64) -> (i64, i64) {
    if limit == 1 { (1, i64::MAX) } else { (limit.min(LOCALS), limit) }
}

/// What a window held. It is not read further than to the last account that a batch takes: those of
/// a host often stand side by side.
pub(super) struct Walked {
    /// Where the next window begins.
    pub(super) last: Uuid,
    /// What was looked for.
    pub(super) found: Vec<Uuid>,
}

impl Walked {
    /// Takes at most `limit` of what was found, and goes on behind the last of them.
    fn of(window: &[(Uuid, bool)], limit: i64) -> Option<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let found: Vec<Uuid> =
            window.iter().filter(|(_, found)| *found).map(|(id, _)| *id).take(limit).collect();
        let full = if found.len() == limit { found.last().copied() } else { None };
        let last = full.or_else(|| window.last().map(|(id, _)| *id))?;
        Some(Self { last, found })
    }
}

impl DeactivateInstance {
    /// Walks over the next accounts, at most until `limit` of the host's are found.
    pub(super) async fn walk(
        &self,
        server: &Server,
        db: &mut PgConnection,
        after: Uuid,
        limit: i64,
    ) -> sqlx::Result<Option<Walked>> {
        let window: Vec<(Uuid, bool)> = sqlx::query_as(Statements::of(server.shape.flavour).walk)
            .bind(self.host.as_str())
            .bind(self.host.unicode())
            .bind(self.suffix())
            .bind(after)
            .bind(window(limit))
            .bind(limit)
            .fetch_all(db)
            .await?;
        Ok(Walked::of(&window, limit))
    }

    /// Switches accounts off. Returns how many were active.
    ///
    /// Where the server can only be told by switching an account itself, it also ends relations that
    /// a later step would end: the same, only earlier.
    pub(super) async fn switch_off(
        &self,
        server: &Server,
        db: &mut PgConnection,
        accounts: &[Uuid],
    ) -> sqlx::Result<i64> {
        let statements = Statements::of(server.shape.flavour);
        // In one order: batches of two runs wait for each other instead of deadlocking.
        sqlx::query(statements.lock).bind(accounts).execute(&mut *db).await?;
        let mut people: Vec<Person> =
            sqlx::query_as(statements.switch_off).bind(accounts).fetch_all(&mut *db).await?;
        people.sort_unstable_by_key(|person| person.id);
        let switched: Vec<Uuid> = people.iter().map(|person| person.id).collect();
        let lowered: Vec<Uuid> = sqlx::query_scalar(statements.lower_following)
            .bind(&switched)
            .fetch_all(&mut *db)
            .await?;
        refresh_accounts(db, server, &switched, Changed::Activation).await?;
        refresh_again(db, server, &lowered, &self.asked).await?;
        log_moderation_for(db, self.on_behalf_of, Deed::Deactivate, &people).await?;
        Ok(i64::try_from(switched.len()).unwrap_or(i64::MAX))
    }

    /// Walks over the next local accounts, active ones only or all.
    pub(super) async fn walk_locals(
        server: &Server,
        db: &mut PgConnection,
        after: Uuid,
        limit: i64,
        active_only: bool,
    ) -> sqlx::Result<Option<Walked>> {
        let window: Vec<(Uuid, bool)> =
            sqlx::query_as(Statements::of(server.shape.flavour).walk_locals)
                .bind(after)
                .bind(window(limit))
                .bind(active_only)
                .bind(limit)
                .fetch_all(db)
                .await?;
        Ok(Walked::of(&window, limit))
    }

    /// Ends the host's relations to local accounts, at most so many. Returns how many.
    pub(super) async fn unfollow(
        &self,
        server: &Server,
        db: &mut PgConnection,
        locals: &[Uuid],
        spared: &[Uuid],
        most: i64,
    ) -> sqlx::Result<i64> {
        let unfollowed: Vec<Uuid> =
            sqlx::query_scalar(Statements::of(server.shape.flavour).unfollow)
                .bind(self.host.as_str())
                .bind(self.host.unicode())
                .bind(self.suffix())
                .bind(locals)
                .bind(spared)
                .bind(most)
                .fetch_all(&mut *db)
                .await?;
        let counted = count_followers(db, server, &unfollowed).await?;
        refresh_again(db, server, &counted, &self.asked).await?;
        Ok(i64::try_from(unfollowed.len()).unwrap_or(i64::MAX))
    }

    /// Counts anew whom those local accounts follow that follow the host's.
    pub(super) async fn recount(
        &self,
        server: &Server,
        db: &mut PgConnection,
        locals: &[Uuid],
    ) -> sqlx::Result<()> {
        let followers: Vec<Uuid> =
            sqlx::query_scalar(Statements::of(server.shape.flavour).followers)
                .bind(self.host.as_str())
                .bind(self.host.unicode())
                .bind(self.suffix())
                .bind(locals)
                .fetch_all(&mut *db)
                .await?;
        let counted = count_following(db, server, &followers).await?;
        refresh_again(db, server, &counted, &self.asked).await?;
        Ok(())
    }
}

//! Steps of a run.
//!
//! The main effect comes first: accounts are deactivated before their relations end. The running
//! server is asked to reload an account only when the account has no relations left to active local
//! accounts: the server's job ends such relations as well, each with a request to the account's
//! host.
//!
//! Each local account is recounted once, however many accounts of the host it is related to. Until
//! then subtraction keeps its counters correct, so that a cancelled run leaves them correct as
//! well. Relations are ended before the accounts' rows are locked, as in the server's own
//! transactions. The statement that counts begins only after these rows are locked.
//!
//! Local accounts are visited in a scattered order, accounts of the host in the order of their ids,
//! as in the original's moderation log.

use std::collections::{BTreeMap, HashMap};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{ClaimState, Cursor, DeactivateInstance, claim_state::LIST_MAX, sql};
use ostrakon_engine::Batch;
use ostrakon_server::{
    AccountColumns, Changed, ModerationAction, Person, Server, count_followers, count_following,
    log_moderation_for, refresh_accounts, refresh_again,
};

/// Maximum number of followers of an account that are counted together with its deactivation. The
/// followers of larger accounts would be too many for a batch: they keep their counters until they
/// are recounted.
const FOLLOWERS_MAX: i64 = 5_000;

/// Maximum number of followers that a batch counts, by the accounts' counters: each local account
/// whose relations it ends is recounted with all its followers. A single account may have more.
const COUNTED_MAX: i64 = 20_000;

/// Maximum number of accounts whose counters are read at a time to see how many fit.
const ASKED_AT_ONCE: usize = 500;

/// Number of elements, as the ledger counts.
pub(super) fn count<T>(things: &[T]) -> i64 {
    i64::try_from(things.len()).unwrap_or(i64::MAX)
}

/// Ends a step with nothing left to do; the next one begins.
fn nothing_left(next: Cursor) -> Batch<Cursor> {
    Batch { rows: Some(0), ..Batch::go_on(0, next) }
}

fn most(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl DeactivateInstance {
    /// Deactivates the next accounts.
    pub(super) async fn switch_off(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        after: Uuid,
        limit: i64,
    ) -> sqlx::Result<Batch<Cursor>> {
        let accounts = self.next_accounts(db, server, state, after, limit).await?;
        let Some(last) = accounts.last().copied() else {
            return Ok(nothing_left(Cursor::EndRelations { after: Uuid::nil(), relation: 0 }));
        };
        let few: Vec<Uuid> = sqlx::query_scalar(sql::FEW_FOLLOWERS)
            .bind(&accounts)
            .bind(FOLLOWERS_MAX)
            .fetch_all(&mut *db)
            .await?;
        // A fixed order: batches of two runs wait for each other instead of deadlocking.
        sqlx::query(include_str!("sql/lock.sql"))
            .bind(&accounts)
            .bind(&few)
            .execute(&mut *db)
            .await?;
        let switch_off = match server.dialect.account_columns {
            AccountColumns::Active => include_str!("sql/switch_off.sql"),
            AccountColumns::Deactivated => include_str!("sql/pleroma22_switch_off.sql"),
        };
        let mut people: Vec<Person> =
            sqlx::query_as(switch_off).bind(&accounts).fetch_all(&mut *db).await?;
        people.sort_unstable_by_key(|person| person.id);
        let switched: Vec<Uuid> = people.iter().map(|person| person.id).collect();
        let is_switched = |account: &Uuid| switched.binary_search(account).is_ok();
        let lower: Vec<Uuid> = few.into_iter().filter(is_switched).collect();
        let lowered: Vec<Uuid> = sqlx::query_scalar(sql::lower_following(server))
            .bind(&lower)
            .bind(server.dialect.counts_inactive_followers)
            .fetch_all(&mut *db)
            .await?;
        refresh_again(db, server, &lowered, &mut state.asked).await?;
        let noted: Vec<(Uuid, bool)> = sqlx::query_as(sql::note(server))
            .bind(self.instance())
            .bind(&accounts)
            .bind(accounts.iter().map(is_switched).collect::<Vec<bool>>())
            .bind(false)
            .bind(false)
            .bind(server.dialect.counts_inactive_followers)
            .fetch_all(&mut *db)
            .await?;
        let mut later: Vec<Uuid> =
            noted.iter().filter(|(_, due)| *due).map(|(account, _)| *account).collect();
        later.sort_unstable();
        let at_once: Vec<Uuid> =
            switched.iter().copied().filter(|id| later.binary_search(id).is_err()).collect();
        refresh_accounts(db, server, &at_once, Changed::Activation).await?;
        log_moderation_for(db, self.on_behalf_of, ModerationAction::Deactivate, &people).await?;
        let rows = Some(count(&accounts));
        Ok(Batch { rows, ..Batch::go_on(count(&switched), Cursor::SwitchOff { after: last }) })
    }

    /// Next accounts that the run acts on.
    pub(super) async fn next_accounts(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        after: Uuid,
        limit: i64,
    ) -> sqlx::Result<Vec<Uuid>> {
        if state.accounts.is_none() {
            let named = self.named(db, server).await?;
            state.accounts = Some(self.acted_on(server, &named));
        }
        let accounts = state.accounts.as_deref().unwrap_or_default();
        let next = accounts.partition_point(|account| *account <= after);
        Ok(accounts[next..].iter().take(most(limit)).copied().collect())
    }

    /// Ends the next relations.
    pub(super) async fn end_relations(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        after: (Uuid, i64),
        limit: i64,
    ) -> sqlx::Result<Batch<Cursor>> {
        let (relations, goes_on) = self.next_relations(db, server, state, after, limit).await?;
        let Some((local, relation)) = relations.last().copied() else {
            return Ok(nothing_left(Cursor::CountAnew { after: Uuid::nil() }));
        };
        let ids: Vec<i64> = relations.iter().map(|(_, relation)| *relation).collect();
        self.unfollow(db, server, state, &ids, goes_on.then_some(local)).await?;
        Ok(Batch::go_on(count(&relations), Cursor::EndRelations { after: local, relation }))
    }

    /// Returns the next relations, grouped by local account, and whether the last local account has
    /// more.
    ///
    /// A single local account is an item, which is dealt with as a whole or parked.
    pub(super) async fn next_relations(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        after: (Uuid, i64),
        limit: i64,
    ) -> sqlx::Result<(Vec<(Uuid, i64)>, bool)> {
        let wanted = if limit == 1 { most(LIST_MAX) } else { most(limit) + 1 };
        let mut found = if let Some(found) = state.relations(after, wanted) {
            found
        } else {
            let listed: Vec<(Uuid, i64)> = sqlx::query_as(sql::relations(server))
                .bind(self.instance())
                .bind(after.0)
                .bind(after.1)
                .bind(LIST_MAX)
                .fetch_all(&mut *db)
                .await?;
            state.note_relations(after, &listed);
            state.relations(after, wanted).unwrap_or_default()
        };
        let first = found.first().copied();
        if limit == 1 {
            found.retain(|(local, _)| first.is_some_and(|(first, _)| *local == first));
            return Ok((found, false));
        }
        let beyond = (found.len() > most(limit)).then(|| found.pop()).flatten();
        let countable = self.countable(db, &found).await?;
        if countable < found.len() {
            found.truncate(countable);
            return Ok((found, false));
        }
        let last = found.last().map(|(local, _)| *local);
        let goes_on = beyond.is_some_and(|(local, _)| Some(local) == last);
        Ok((found, goes_on))
    }

    /// Number of these relations that lead to accounts which can be recounted in one batch.
    async fn countable(
        &self,
        db: &mut PgConnection,
        relations: &[(Uuid, i64)],
    ) -> sqlx::Result<usize> {
        let mut locals: Vec<Uuid> = relations.iter().map(|(local, _)| *local).collect();
        locals.dedup();
        let (mut fitting, mut counted) = (0, 0);
        for some in locals.chunks(ASKED_AT_ONCE) {
            let followers: HashMap<Uuid, i32> = sqlx::query_as(sql::FOLLOWER_COUNTS)
                .bind(some)
                .fetch_all(&mut *db)
                .await?
                .into_iter()
                .collect();
            let fit = some.iter().take_while(|local| {
                let alone = counted == 0;
                counted += i64::from(followers.get(local).copied().unwrap_or(0)).max(1);
                alone || counted <= COUNTED_MAX
            });
            fitting += fit.count();
            if counted > COUNTED_MAX {
                break;
            }
        }
        let beyond = locals.get(fitting);
        let first_beyond = relations.iter().position(|(local, _)| Some(local) == beyond);
        Ok(first_beyond.unwrap_or(relations.len()))
    }

    /// Ends relations, and corrects the counters of the accounts that were followed. `goes_on` is
    /// an account with more relations to end: its followers are recounted when the last relation
    /// ends.
    async fn unfollow(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        relations: &[i64],
        goes_on: Option<Uuid>,
    ) -> sqlx::Result<()> {
        let unfollowed: Vec<Uuid> =
            sqlx::query_scalar(sql::unfollow(server)).bind(relations).fetch_all(&mut *db).await?;
        let mut lost: BTreeMap<Uuid, i64> = BTreeMap::new();
        for local in unfollowed {
            *lost.entry(local).or_default() += 1;
        }
        if lost.is_empty() {
            return Ok(());
        }
        let unfinished = goes_on.and_then(|local| lost.remove_entry(&local));
        let whole: Vec<Uuid> = lost.into_keys().collect();
        let mut counted = count_followers(db, server, &whole).await?;
        if let Some((local, accounts)) = unfinished {
            let lowered: Vec<Uuid> = sqlx::query_scalar(include_str!("sql/lower_followers.sql"))
                .bind([local].as_slice())
                .bind([accounts].as_slice())
                .fetch_all(&mut *db)
                .await?;
            counted.extend(lowered);
        }
        refresh_again(db, server, &counted, &mut state.asked).await
    }

    /// Recounts whom the next local followers follow.
    pub(super) async fn count_anew(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        after: Uuid,
        limit: i64,
    ) -> sqlx::Result<Batch<Cursor>> {
        let followers = self.next_followers(db, server, state, after, limit).await?;
        let Some((last, _)) = followers.last().copied() else {
            return Ok(nothing_left(Cursor::ReadAnew { after: Uuid::nil() }));
        };
        let (accounts, relations): (Vec<Uuid>, Vec<i64>) = followers.into_iter().unzip();
        let counted = count_following(db, server, &accounts).await?;
        refresh_again(db, server, &counted, &mut state.asked).await?;
        let done = relations.iter().sum();
        let rows = Some(count(&accounts));
        Ok(Batch { rows, ..Batch::go_on(done, Cursor::CountAnew { after: last }) })
    }

    /// Next local followers, each with its number of relations.
    pub(super) async fn next_followers(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        after: Uuid,
        limit: i64,
    ) -> sqlx::Result<Vec<(Uuid, i64)>> {
        if let Some(found) = state.followers(after, most(limit)) {
            return Ok(found);
        }
        let listed: Vec<(Uuid, i64)> = sqlx::query_as(sql::followers(server))
            .bind(self.instance())
            .bind(after)
            .bind(LIST_MAX)
            .bind(server.dialect.counts_inactive_followers)
            .fetch_all(db)
            .await?;
        state.note_followers(after, &listed);
        Ok(state.followers(after, most(limit)).unwrap_or_default())
    }

    /// Asks the server to reload the next accounts, after ending any relations that they gained
    /// meanwhile.
    pub(super) async fn read_anew(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        after: Uuid,
        limit: i64,
    ) -> sqlx::Result<Batch<Cursor>> {
        let due = self.next_due(db, server, after, limit).await?;
        let Some((last, _)) = due.last().copied() else {
            return Ok(Batch::end(Cursor::ReadAnew { after }));
        };
        // Another session may have activated one of them again.
        let off: Vec<Uuid> = due.iter().filter(|(_, off)| *off).map(|(id, _)| *id).collect();
        let late: Vec<i64> =
            sqlx::query_scalar(sql::relations_of(server)).bind(&off).fetch_all(&mut *db).await?;
        self.unfollow(db, server, state, &late, None).await?;
        refresh_accounts(db, server, &off, Changed::Activation).await?;
        let accounts: Vec<Uuid> = due.into_iter().map(|(account, _)| account).collect();
        sqlx::query(include_str!("sql/not_due.sql"))
            .bind(self.instance())
            .bind(&accounts)
            .execute(&mut *db)
            .await?;
        let done = if Self::is_counted_when_read(server) { count(&accounts) } else { 0 };
        let rows = Some(count(&accounts));
        Ok(Batch { rows, ..Batch::go_on(done, Cursor::ReadAnew { after: last }) })
    }

    /// Next accounts that the server is to be asked to reload, and whether each is inactive.
    pub(super) async fn next_due(
        &self,
        db: &mut PgConnection,
        server: &Server,
        after: Uuid,
        limit: i64,
    ) -> sqlx::Result<Vec<(Uuid, bool)>> {
        sqlx::query_as(sql::due(server))
            .bind(self.instance())
            .bind(after)
            .bind(limit)
            .fetch_all(db)
            .await
    }

    /// Takes over what an older version has begun: records the accounts that it deactivated, and
    /// that it made the server reload immediately.
    pub(super) async fn take_over(
        &self,
        db: &mut PgConnection,
        server: &Server,
        excluded: &[Uuid],
        relations_have_ended: bool,
    ) -> sqlx::Result<Batch<Cursor>> {
        let named = self.named(db, server).await?;
        let off: Vec<Uuid> = named
            .iter()
            .filter(|account| {
                !account.active && self.means(account) && !excluded.contains(&account.id)
            })
            .map(|account| account.id)
            .collect();
        sqlx::query(sql::note(server))
            .bind(self.instance())
            .bind(&off)
            .bind(vec![true; off.len()])
            .bind(true)
            .bind(relations_have_ended)
            .bind(server.dialect.counts_inactive_followers)
            .execute(db)
            .await?;
        Ok(Batch::go_on(0, Cursor::START))
    }
}

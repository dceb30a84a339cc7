//! Which accounts come next.
//!
//! Accounts are walked over in the order of their ids, window by window of those that are to be
//! written: however many others lie between them, all of them are passed over once. Of those that lie together
//! on one page of the table, a batch takes one, and the batches after it the others. Each so finds
//! the room that the one before has left there, and `PostgreSQL` can keep the new version of a row on
//! its page, and need not add it to each of the table's twenty indexes ("heap-only tuple"). Taking
//! accounts as they come costs about twice as much time (docs/performance.md).
//!
//! This goes only where an account that was written can be told from one that was not.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::sql::Statements;
use crate::engine::ClaimCache;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// All accounts up to this one are dealt with, of whatever kind.
    pub after: Uuid,
    /// The last account that existed when the run began; later ones are left alone.
    pub until: Uuid,
    /// Whether the recount found some left, and only these are still meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_left: bool,
}

/// Accounts of a window for each one that a batch may write: so many that it has more pages than a
/// batch has accounts.
const WINDOW: i64 = 40;

/// The most accounts of a window: a few MB.
const WINDOW_MAX: i64 = 100_000;

/// Where few pages hold all accounts, a batch takes at least this part of what it may, and more than
/// one of a page: many small batches would cost more than they save.
const CROWDED: usize = 8;

/// What one batch does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The accounts that it writes: at most as many as asked for, maybe none. The first one is the
    /// first of all that are left.
    pub(super) accounts: Vec<Uuid>,
    /// Where the next one begins: after the first of these in any case.
    pub(super) after: Uuid,
}

/// The window that is being walked over. It only saves looking at it again: a worker that takes a run
/// over does without.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Lookahead(ClaimCache<Option<Window>>);

impl Lookahead {
    /// Finds what comes after the cursor's place; `None`: nothing does.
    pub(super) async fn step(
        &self,
        db: &mut PgConnection,
        statements: &Statements,
        cursor: &Cursor,
        limit: i64,
    ) -> sqlx::Result<Option<Step>> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        if let Some(step) = self.next(cursor, most) {
            return Ok(Some(step));
        }
        if cursor.after >= cursor.until {
            return Ok(None);
        }
        let wanted = limit.saturating_mul(WINDOW).min(WINDOW_MAX);
        let find = if cursor.only_left { statements.find_left } else { statements.find };
        let found: Vec<(Uuid, Option<i64>)> = sqlx::query_as(find)
            .bind(cursor.after)
            .bind(cursor.until)
            .bind(wanted)
            .fetch_all(db)
            .await?;
        let full = i64::try_from(found.len()).is_ok_and(|found| found >= wanted);
        let last = found.last().map(|(account, _)| *account);
        let end = last.filter(|_| full).unwrap_or(cursor.until);
        self.look_at(Window::new(cursor.after, found, end));
        Ok(self.next(cursor, most))
    }

    fn next(&self, cursor: &Cursor, most: usize) -> Option<Step> {
        self.0.with(|window| window.as_mut()?.next(cursor.after, most))
    }

    /// Looks anew before the next step.
    pub(super) fn forget(&self) {
        self.0.with(|ahead| *ahead = None);
    }

    fn look_at(&self, window: Window) {
        self.0.with(|ahead| *ahead = Some(window));
    }
}

/// Accounts that are to be written.
#[derive(Debug)]
struct Window {
    /// The place at which the latest step began, and how many accounts it took.
    at: Uuid,
    taken: usize,
    /// Those of that step, and those that are left: the first ones of their pages, then the second
    /// ones, and so on.
    accounts: Vec<Uuid>,
    /// On how many pages they were.
    pages: usize,
    end: Uuid,
}

impl Window {
    /// One that begins after an account. `found` are in order, each with its page, if that matters.
    fn new(after: Uuid, found: Vec<(Uuid, Option<i64>)>, end: Uuid) -> Self {
        let mut taken: HashMap<i64, usize> = HashMap::new();
        let mut on_pages: Vec<(usize, Uuid)> = found
            .into_iter()
            .map(|(account, page)| {
                let Some(page) = page else { return (0, account) };
                let of_page = taken.entry(page).or_default();
                *of_page += 1;
                (*of_page - 1, account)
            })
            .collect();
        let pages = on_pages.iter().filter(|(nth, _)| *nth == 0).count();
        on_pages.sort_unstable();
        let accounts = on_pages.into_iter().map(|(_, account)| account).collect();
        Self { at: after, taken: 0, accounts, pages, end }
    }

    /// The step that begins at a place: the latest one again, since a batch that is undone is done
    /// again, maybe smaller; or the one after it.
    fn next(&mut self, after: Uuid, most: usize) -> Option<Step> {
        if after != self.at {
            if after == self.end || after != self.begin(self.taken) {
                return None;
            }
            self.accounts.drain(..self.taken);
            self.at = after;
        }
        self.bring_first();
        let one_of_each_page = self.pages.max(most / CROWDED);
        self.taken = most.min(one_of_each_page).min(self.accounts.len());
        let accounts = self.accounts[..self.taken].to_vec();
        Some(Step { accounts, after: self.begin(self.taken) })
    }

    /// Puts the first of all in front, which is that of a page that has got further than others.
    fn bring_first(&mut self) {
        let first = self.accounts.iter().enumerate().min_by_key(|(_, account)| **account);
        if let Some((nth, _)) = first {
            self.accounts[..=nth].rotate_right(1);
        }
    }

    /// The place right before the first of those that are left after so many.
    fn begin(&self, taken: usize) -> Uuid {
        let first = self.accounts.iter().skip(taken).min();
        first.map_or(self.end, |first| Uuid::from_u128(first.as_u128().saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window with these pages, up to account 40.
    fn window(pages: &[&[u128]]) -> Window {
        let mut found: Vec<_> = (0..)
            .zip(pages)
            .flat_map(|(page, ids)| ids.iter().map(move |id| (Uuid::from_u128(*id), Some(page))))
            .collect();
        found.sort_unstable();
        Window::new(Uuid::nil(), found, Uuid::from_u128(40))
    }

    /// The accounts of the step that begins at a place, and the next place.
    fn step(window: &mut Window, after: u128, most: usize) -> Option<(Vec<u128>, u128)> {
        let step = window.next(Uuid::from_u128(after), most)?;
        Some((step.accounts.iter().map(Uuid::as_u128).collect(), step.after.as_u128()))
    }

    #[test]
    fn a_batch_has_one_account_of_each_page() {
        let mut window = window(&[&[10, 11, 12], &[20, 21], &[30, 31, 32]]);
        assert_eq!(step(&mut window, 0, 3), Some((vec![10, 20, 30], 10)));
        assert_eq!(step(&mut window, 10, 2), Some((vec![11, 21], 11)));
        assert_eq!(step(&mut window, 11, 3), Some((vec![12, 31, 32], 40)));
        assert_eq!(step(&mut window, 40, 3), None);
    }

    #[test]
    fn where_pages_do_not_matter_accounts_come_in_their_order() {
        let found = [10, 20, 30].map(|id| (Uuid::from_u128(id), None)).to_vec();
        let mut window = Window::new(Uuid::nil(), found, Uuid::from_u128(40));
        assert_eq!(step(&mut window, 0, 2), Some((vec![10, 20], 29)));
        assert_eq!(step(&mut window, 29, 2), Some((vec![30], 40)));
    }

    #[test]
    fn few_pages_do_not_make_tiny_batches() {
        let mut window = window(&[&[10, 11, 12, 13], &[20]]);
        assert_eq!(step(&mut window, 0, 15), Some((vec![10, 20], 10)));
        assert_eq!(step(&mut window, 0, 32), Some((vec![10, 20, 11, 12], 12)));
    }

    #[test]
    fn a_batch_of_one_takes_accounts_in_their_order() {
        let mut window = window(&[&[10, 11], &[20]]);
        assert_eq!(step(&mut window, 0, 1), Some((vec![10], 10)));
        assert_eq!(step(&mut window, 10, 1), Some((vec![11], 19)));
        assert_eq!(step(&mut window, 19, 1), Some((vec![20], 40)));
    }

    #[test]
    fn a_batch_that_is_undone_is_done_again_maybe_smaller() {
        let mut window = window(&[&[10, 11, 12], &[20]]);
        assert_eq!(step(&mut window, 0, 2), Some((vec![10, 20], 10)));
        assert_eq!(step(&mut window, 0, 2), Some((vec![10, 20], 10)));
        assert_eq!(step(&mut window, 0, 1), Some((vec![10], 10)));
        assert_eq!(step(&mut window, 10, 2), Some((vec![11, 20], 11)));
        assert_eq!(step(&mut window, 10, 1), Some((vec![11], 11)));
        assert_eq!(step(&mut window, 11, 2), Some((vec![12, 20], 40)));
    }

    #[test]
    fn a_window_without_accounts_is_passed_over() {
        let mut window = window(&[]);
        assert_eq!(step(&mut window, 0, 3), Some((vec![], 40)));
        assert_eq!(step(&mut window, 40, 3), None);
    }

    #[test]
    fn a_window_knows_nothing_of_other_places() {
        let mut window = window(&[&[10], &[20]]);
        assert_eq!(step(&mut window, 0, 1), Some((vec![10], 19)));
        assert_eq!(step(&mut window, 5, 1), None);
        assert_eq!(step(&mut window, 19, 1), Some((vec![20], 40)));
    }
}

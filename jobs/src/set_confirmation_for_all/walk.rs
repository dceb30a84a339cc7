//! Selection of the next accounts.
//!
//! The run walks accounts in the order of their ids, in windows of accounts that are to be written:
//! however many others lie between them, each window skips them only once. Of the accounts on one
//! page of the table, a batch takes one, and later batches take the others. Each batch finds the
//! room that the previous one left on the page. So `PostgreSQL` can keep the new version of a row
//! on its page, and need not add it to each of the table's twenty indexes ("heap-only tuple").
//! Taking accounts in plain order costs about twice as much time (docs/performance.md).
//!
//! This works only where written accounts can be distinguished from others.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Direction;
use ostrakon_server::{Server, dialect_sql};

/// Progress of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Account up to which all accounts, of any kind, are dealt with.
    pub after: Uuid,
    /// Last account that existed when the run began; the run leaves later ones alone.
    pub until: Uuid,
    /// Whether the recount found some left, and the run deals with only these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_left: bool,
}

/// Accounts in a window per account that a batch may write: enough that a window has more pages
/// than a batch has accounts.
const WINDOW: i64 = 40;

/// Maximum number of accounts in a window; a few MB.
const WINDOW_MAX: i64 = 100_000;

/// Minimum batch, as a fraction (1/8) of its limit. Where few pages hold all accounts, a batch
/// takes several from one page: many small batches would cost more than they save.
const CROWDED: usize = 8;

/// Work of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Accounts that the batch writes: at most as many as requested, possibly none. The first is
    /// the lowest of all that are left.
    pub(super) accounts: Vec<Uuid>,
    /// Position at which the next batch begins; always at or after the first of these accounts.
    pub(super) after: Uuid,
}

/// Current window of the walk.
#[derive(Debug, Default)]
pub struct Lookahead(Option<Window>);

impl Lookahead {
    /// Finds the accounts after the cursor's position; `None` if there are none.
    pub(super) async fn step<D: Direction>(
        &mut self,
        db: &mut PgConnection,
        server: &Server,
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
        let find = if cursor.only_left {
            dialect_sql!(server, include_str!("sql/find_left.sql"))
        } else {
            dialect_sql!(server, include_str!("sql/find.sql"))
        };
        let found: Vec<(Uuid, Option<i64>)> = sqlx::query_as(find)
            .bind(cursor.after)
            .bind(cursor.until)
            .bind(wanted)
            .bind(D::CONFIRMED)
            .fetch_all(db)
            .await?;
        let full = i64::try_from(found.len()).is_ok_and(|found| found >= wanted);
        let last = found.last().map(|(account, _)| *account);
        let end = last.filter(|_| full).unwrap_or(cursor.until);
        self.0 = Some(Window::new(cursor.after, found, end));
        Ok(self.next(cursor, most))
    }

    fn next(&mut self, cursor: &Cursor, most: usize) -> Option<Step> {
        self.0.as_mut()?.next(cursor.after, most)
    }
}

/// Accounts that are to be written.
#[derive(Debug)]
struct Window {
    /// Position at which the latest step began.
    at: Uuid,
    taken: usize,
    /// Accounts of the latest step and those that are left: the first of each page, then the second
    /// of each, and so on.
    accounts: Vec<Uuid>,
    /// Number of pages that they were on.
    pages: usize,
    end: Uuid,
}

impl Window {
    /// Creates a window that begins after an account. `found` is in order, each account with its
    /// page, if that matters.
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

    /// Returns the step that begins at a position: the latest one again, since a batch that was
    /// rolled back is retried, possibly smaller; or the next one.
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

    /// Moves the lowest account to the front: more accounts of its page have been taken than of
    /// others.
    fn bring_first(&mut self) {
        let first = self.accounts.iter().enumerate().min_by_key(|(_, account)| **account);
        if let Some((nth, _)) = first {
            self.accounts[..=nth].rotate_right(1);
        }
    }

    /// Position immediately before the lowest account that is left after `taken` accounts.
    fn begin(&self, taken: usize) -> Uuid {
        let first = self.accounts.iter().skip(taken).min();
        first.map_or(self.end, |first| Uuid::from_u128(first.as_u128().saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Window with these pages, up to account 40.
    fn window(pages: &[&[u128]]) -> Window {
        let mut found: Vec<_> = (0..)
            .zip(pages)
            .flat_map(|(page, ids)| ids.iter().map(move |id| (Uuid::from_u128(*id), Some(page))))
            .collect();
        found.sort_unstable();
        Window::new(Uuid::nil(), found, Uuid::from_u128(40))
    }

    /// Accounts of the step that begins at a position, and the next position.
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

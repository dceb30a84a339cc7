//! What one claim has read, in the order of a run.

use uuid::Uuid;

use super::scattered::Scattered;
use ostrakon_engine::List;
use ostrakon_server::PendingRefreshes;

/// Maximum number of relations or followers that are listed at a time; about 12 MB.
pub(super) const LIST_MAX: i64 = 500_000;

/// Lists that the next batches need, and reloads that the server was asked for.
#[derive(Debug, Default)]
pub struct ClaimState {
    pub(super) asked: PendingRefreshes,
    /// Accounts of the host that the run acts on, in order.
    pub(super) accounts: Option<Vec<Uuid>>,
    /// Relations of these accounts to active local accounts.
    relations: Option<List<(Scattered, i64)>>,
    /// Local accounts that follow them, each with its number of relations.
    followers: Option<List<(Scattered, i64)>>,
}

/// Position of an account, with one of its relations or with their number.
const fn place((account, number): (Uuid, i64)) -> (Scattered, i64) {
    (Scattered::of(account), number)
}

fn list(after: (Uuid, i64), found: &[(Uuid, i64)]) -> List<(Scattered, i64)> {
    List::new(place(after), found.iter().copied().map(place).collect(), LIST_MAX)
}

fn behind(
    list: Option<&List<(Scattered, i64)>>,
    after: (Uuid, i64),
    most: usize,
) -> Option<Vec<(Uuid, i64)>> {
    let behind = list?.behind(place(after))?;
    Some(behind.iter().take(most).map(|(place, number)| (place.account(), *number)).collect())
}

impl ClaimState {
    /// Relations after a position, at most `most`.
    pub(super) fn relations(&self, after: (Uuid, i64), most: usize) -> Option<Vec<(Uuid, i64)>> {
        behind(self.relations.as_ref(), after, most)
    }

    /// Stores the relations that were found after a position, in order.
    pub(super) fn note_relations(&mut self, after: (Uuid, i64), found: &[(Uuid, i64)]) {
        self.relations = Some(list(after, found));
    }

    /// Followers after a position, at most `most`.
    pub(super) fn followers(&self, after: Uuid, most: usize) -> Option<Vec<(Uuid, i64)>> {
        behind(self.followers.as_ref(), (after, i64::MAX), most)
    }

    /// Stores the followers that were found after a position, in order.
    pub(super) fn note_followers(&mut self, after: Uuid, found: &[(Uuid, i64)]) {
        self.followers = Some(list((after, i64::MAX), found));
    }
}

//! Lists that one claim has read, in the order of a run, so that it need not read them again.
//!
//! Nothing relies on them. A worker that takes over a run reads them again, and finds what is left.

use std::sync::Arc;

use uuid::Uuid;

use super::scattered::Scattered;
use ostrakon_engine::List;
use ostrakon_server::ClaimCache;

/// Maximum number of relations or followers that are listed at a time; about 12 MB.
pub(super) const LIST_MAX: i64 = 500_000;

/// Lists of one claim.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Seen(ClaimCache<Lists>);

#[derive(Debug, Default)]
struct Lists {
    /// Accounts of the host that the run acts on.
    accounts: Option<Arc<Vec<Uuid>>>,
    /// Relations of these accounts to active local accounts.
    relations: Option<Arc<List<(Scattered, i64)>>>,
    /// Local accounts that follow them, each with its number of relations.
    followers: Option<Arc<List<(Scattered, i64)>>>,
}

/// Position of an account, with one of its relations or with their number.
const fn place((account, number): (Uuid, i64)) -> (Scattered, i64) {
    (Scattered::of(account), number)
}

fn first(most: usize, behind: &[(Scattered, i64)]) -> Vec<(Uuid, i64)> {
    behind.iter().take(most).map(|(place, number)| (place.account(), *number)).collect()
}

impl Seen {
    /// Accounts that the run acts on, if they have been read.
    pub(super) fn accounts(&self) -> Option<Arc<Vec<Uuid>>> {
        self.0.with(|lists| lists.accounts.clone())
    }

    /// Stores the accounts that the run acts on, in order.
    pub(super) fn note_accounts(&self, accounts: Vec<Uuid>) -> Arc<Vec<Uuid>> {
        let accounts = Arc::new(accounts);
        self.0.with(|lists| lists.accounts = Some(Arc::clone(&accounts)));
        accounts
    }

    /// Relations after a position, at most `most`.
    pub(super) fn relations(&self, after: (Uuid, i64), most: usize) -> Option<Vec<(Uuid, i64)>> {
        let list = self.0.with(|lists| lists.relations.clone())?;
        list.behind(place(after)).map(|behind| first(most, behind))
    }

    /// Stores the relations that were found after a position, in order.
    pub(super) fn note_relations(&self, after: (Uuid, i64), found: &[(Uuid, i64)]) {
        let list = List::new(place(after), found.iter().copied().map(place).collect(), LIST_MAX);
        self.0.with(|lists| lists.relations = Some(Arc::new(list)));
    }

    /// Followers after a position, at most `most`.
    pub(super) fn followers(&self, after: Uuid, most: usize) -> Option<Vec<(Uuid, i64)>> {
        let list = self.0.with(|lists| lists.followers.clone())?;
        list.behind(place((after, i64::MAX))).map(|behind| first(most, behind))
    }

    /// Stores the followers that were found after a position, in order.
    pub(super) fn note_followers(&self, after: Uuid, found: &[(Uuid, i64)]) {
        let behind = place((after, i64::MAX));
        let list = List::new(behind, found.iter().copied().map(place).collect(), LIST_MAX);
        self.0.with(|lists| lists.followers = Some(Arc::new(list)));
    }

    /// Drops the lists: more is left to do than they show.
    pub(super) fn forget(&self) {
        self.0.with(|lists| *lists = Lists::default());
    }
}

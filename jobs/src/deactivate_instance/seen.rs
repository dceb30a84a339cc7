//! What one claim has looked at, to save looking again: lists in the order of a run.
//!
//! Nothing relies on it. A worker that takes a run over looks anew, and finds what is left.

use std::sync::Arc;

use uuid::Uuid;

use super::scattered::Scattered;
use crate::engine::{ClaimCache, List};

/// How many relations or followers are listed at once: 12 MB.
pub(super) const LIST_MAX: i64 = 500_000;

/// The lists of one claim.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Seen(ClaimCache<Lists>);

#[derive(Debug, Default)]
struct Lists {
    /// The host's accounts that the run acts on.
    accounts: Option<Arc<Vec<Uuid>>>,
    /// Their relations to active local accounts.
    relations: Option<Arc<List<(Scattered, i64)>>>,
    /// Local accounts that follow them, each with the number of relations.
    followers: Option<Arc<List<(Scattered, i64)>>>,
}

/// Where an account comes with one of its relations, or with how many it has.
const fn place((account, number): (Uuid, i64)) -> (Scattered, i64) {
    (Scattered::of(account), number)
}

fn first(most: usize, behind: &[(Scattered, i64)]) -> Vec<(Uuid, i64)> {
    behind.iter().take(most).map(|(place, number)| (place.account(), *number)).collect()
}

impl Seen {
    /// The accounts that the run acts on, if they were looked for.
    pub(super) fn accounts(&self) -> Option<Arc<Vec<Uuid>>> {
        self.0.with(|lists| lists.accounts.clone())
    }

    /// Notes the accounts that the run acts on, in order.
    pub(super) fn note_accounts(&self, accounts: Vec<Uuid>) -> Arc<Vec<Uuid>> {
        let accounts = Arc::new(accounts);
        self.0.with(|lists| lists.accounts = Some(Arc::clone(&accounts)));
        accounts
    }

    /// The relations behind one, at most so many.
    pub(super) fn relations(&self, after: (Uuid, i64), most: usize) -> Option<Vec<(Uuid, i64)>> {
        let list = self.0.with(|lists| lists.relations.clone())?;
        list.behind(place(after)).map(|behind| first(most, behind))
    }

    /// Notes the relations that were found behind one, in order.
    pub(super) fn note_relations(&self, after: (Uuid, i64), found: &[(Uuid, i64)]) {
        let list = List::new(place(after), found.iter().copied().map(place).collect(), LIST_MAX);
        self.0.with(|lists| lists.relations = Some(Arc::new(list)));
    }

    /// The followers behind one, at most so many.
    pub(super) fn followers(&self, after: Uuid, most: usize) -> Option<Vec<(Uuid, i64)>> {
        let list = self.0.with(|lists| lists.followers.clone())?;
        list.behind(place((after, i64::MAX))).map(|behind| first(most, behind))
    }

    /// Notes the followers that were found behind one, in order.
    pub(super) fn note_followers(&self, after: Uuid, found: &[(Uuid, i64)]) {
        let behind = place((after, i64::MAX));
        let list = List::new(behind, found.iter().copied().map(place).collect(), LIST_MAX);
        self.0.with(|lists| lists.followers = Some(Arc::new(list)));
    }

    /// Forgets the lists: there is more to do than they say.
    pub(super) fn forget(&self) {
        self.0.with(|lists| *lists = Lists::default());
    }
}

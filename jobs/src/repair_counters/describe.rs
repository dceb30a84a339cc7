//! What the plan says of the counters that are wrong.

use ostrakon_server::{Counters, WrongCounters, WrongHost};

/// Differences that the plan shows.
const SHOWN: usize = 10;

/// The first differences, one to a line.
#[derive(Debug, Default)]
pub(super) struct Shown(Vec<String>);

impl Shown {
    pub(super) fn accounts(&mut self, wrong: &[WrongCounters]) {
        self.0.extend(wrong.iter().take(SHOWN.saturating_sub(self.0.len())).map(of_account));
    }

    /// Hosts are shown besides accounts: one of the two must not hide the other.
    pub(super) fn hosts(&mut self, wrong: &[WrongHost]) {
        self.0.extend(wrong.iter().take(SHOWN).map(of_host));
    }

    /// The lines, with a last one for those that are not shown.
    pub(super) fn notes(self, all: i64) -> Vec<String> {
        let Self(mut notes) = self;
        let shown = i64::try_from(notes.len()).unwrap_or(i64::MAX);
        if all > shown {
            notes.push(format!("and {} more", all - shown));
        }
        notes
    }
}

/// Says what is wrong: `alice: posts 3 instead of 5`.
fn of_account(account: &WrongCounters) -> String {
    let numbers = |of: &Counters| {
        [("posts", of.notes), ("followers", of.followers), ("followed", of.following)]
    };
    let differing = differing(numbers(&account.counted), numbers(&account.stored));
    format!("{}: {differing}", account.nickname)
}

/// Says what is wrong: `far.example: public 3 instead of 5`.
fn of_host(host: &WrongHost) -> String {
    let differing = differing(host.counted.by_visibility(), host.stored.by_visibility());
    format!("posts of {}: {differing}", host.instance)
}

fn differing<const N: usize>(should: [(&str, i64); N], is: [(&str, i64); N]) -> String {
    let both = should.into_iter().zip(is);
    let wrong = both.filter(|((_, should), (_, is))| should != is);
    let texts = wrong.map(|((what, should), (_, is))| format!("{what} {should} instead of {is}"));
    texts.collect::<Vec<_>>().join(", ")
}

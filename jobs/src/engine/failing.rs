//! When items that fail mean that it is not the items.
//!
//! What stands next to each other says nothing: a stranger may write as many bad posts in a row as he
//! likes. But he does not get further than to be parked, as long as anything else can be done.

/// Items that failed one after the other for one cause, with nothing done in between.
#[derive(Debug, Default)]
pub(super) struct Failing {
    /// PostgreSQL's code; `None` where the program itself could not read a row.
    cause: Option<String>,
    items: u32,
}

impl Failing {
    /// Counts an item that failed. Returns how many have failed so in a row.
    pub(super) fn failed(&mut self, sqlstate: Option<&str>) -> u32 {
        if self.cause.as_deref() != sqlstate {
            *self = Self { cause: sqlstate.map(str::to_owned), items: 0 };
        }
        self.items = self.items.saturating_add(1);
        self.items
    }

    /// How many have failed so in a row.
    pub(super) const fn in_a_row(&self) -> u32 {
        self.items
    }

    /// Something was done.
    pub(super) const fn done(&mut self) {
        self.items = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_of_one_cause_with_nothing_done_between_them_are_a_row() {
        let mut failing = Failing::default();
        let counts = [Some("22P02"), Some("22P02"), Some("P0001"), None, None, Some("P0001")]
            .map(|cause| failing.failed(cause));
        assert_eq!(counts, [1, 2, 1, 1, 2, 1]);
        failing.done();
        assert_eq!(failing.failed(Some("P0001")), 1);
    }
}

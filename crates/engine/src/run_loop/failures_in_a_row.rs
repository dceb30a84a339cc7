//! When failing items mean that the cause is not in the items.
//!
//! That failed items are neighbours proves nothing: a stranger may write any number of bad posts in
//! a row. But those only get parked, as long as anything else can be done.

/// Items that failed in a row for the same cause, with nothing done in between.
#[derive(Debug, Default)]
pub(crate) struct FailuresInARow {
    /// SQLSTATE of the cause; `None` if the program itself could not read a row.
    cause: Option<String>,
    items: u32,
}

impl FailuresInARow {
    /// Counts an item that failed. Returns the number of failures in a row for the same cause.
    pub(super) fn failed(&mut self, sqlstate: Option<&str>) -> u32 {
        if self.cause.as_deref() != sqlstate {
            *self = Self { cause: sqlstate.map(str::to_owned), items: 0 };
        }
        self.items = self.items.saturating_add(1);
        self.items
    }

    /// Number of failures in a row for the same cause.
    pub(super) const fn in_a_row(&self) -> u32 {
        self.items
    }

    /// Ends the row: something was done.
    pub(super) const fn done(&mut self) {
        self.items = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_of_one_cause_with_nothing_done_between_them_are_a_row() {
        let mut failing = FailuresInARow::default();
        let counts = [Some("22P02"), Some("22P02"), Some("P0001"), None, None, Some("P0001")]
            .map(|cause| failing.failed(cause));
        assert_eq!(counts, [1, 2, 1, 1, 2, 1]);
        failing.done();
        assert_eq!(failing.failed(Some("P0001")), 1);
    }
}

//! A part of what a job walks over, read at once instead of for each batch.

/// Items in order.
#[derive(Debug)]
pub struct List<T> {
    /// It holds what comes behind this.
    after: T,
    items: Vec<T>,
    /// Whether nothing comes behind it.
    whole: bool,
}

impl<T: Copy + Ord> List<T> {
    /// What was found behind a place, in order, when at most so many were looked for.
    pub fn new(after: T, items: Vec<T>, most: i64) -> Self {
        debug_assert!(items.is_sorted(), "the database has another order than the program");
        let whole = i64::try_from(items.len()).is_ok_and(|found| found < most);
        Self { after, items, whole }
    }

    /// What comes behind a place; `None`: it has to be read.
    pub fn behind(&self, place: T) -> Option<&[T]> {
        let behind = &self.items[self.items.partition_point(|item| *item <= place)..];
        let known = place >= self.after && (self.whole || !behind.is_empty());
        known.then_some(behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_knows_what_comes_behind_a_place_within_it() {
        let whole = List::new(3, vec![5, 7], 3);
        assert_eq!(whole.behind(2), None);
        assert_eq!(whole.behind(3), Some([5, 7].as_slice()));
        assert_eq!(whole.behind(5), Some([7].as_slice()));
        assert_eq!(whole.behind(9), Some([].as_slice()));
        let part = List { whole: false, ..whole };
        assert_eq!(part.behind(6), Some([7].as_slice()));
        assert_eq!(part.behind(7), None);
    }
}

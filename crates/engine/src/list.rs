//! A section of what a job walks over, read in one go instead of for each batch.

/// Section of items, in order.
#[derive(Debug)]
pub struct List<T> {
    /// Start of the section, exclusive.
    after: T,
    items: Vec<T>,
    /// Whether the section reaches the end: no item comes after it.
    whole: bool,
}

impl<T: Copy + Ord> List<T> {
    /// Creates a list from the items found after a place, in order; `most` is the limit of that
    /// query.
    pub fn new(after: T, items: Vec<T>, most: i64) -> Self {
        debug_assert!(items.is_sorted(), "the database has another order than the program");
        let whole = i64::try_from(items.len()).is_ok_and(|found| found < most);
        Self { after, items, whole }
    }

    /// Items after a place; `None` if they have to be read.
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

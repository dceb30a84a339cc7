//! The objects that the known releases have.

use std::collections::BTreeMap;

use super::Dialect;

/// Each object with the names of the dialects whose releases have it; a name with a question mark
/// if only some of them do. Made by the test `known_objects_are_those_of_the_kit`.
const OBJECTS: &str = include_str!("objects.tsv");

/// The objects of a dialect's releases.
pub(super) struct Known {
    /// Whether every release has it.
    objects: BTreeMap<&'static str, bool>,
}

impl Known {
    pub(super) fn of(dialect: &Dialect) -> Self {
        let of_line = |line: &'static str| {
            let (dialects, object) = line.split_once('\t')?;
            let named = |name: &&str| name.trim_end_matches('?') == dialect.name;
            dialects.split(' ').find(named).map(|name| (object, !name.ends_with('?')))
        };
        Self { objects: OBJECTS.lines().filter_map(of_line).collect() }
    }

    /// Whether a release has an object.
    pub(super) fn has(&self, object: &str) -> bool {
        self.objects.contains_key(object)
    }

    /// Objects that every release has.
    pub(super) fn everywhere(&self) -> impl Iterator<Item = &'static str> {
        self.objects.iter().filter(|(_, everywhere)| **everywhere).map(|(object, _)| *object)
    }
}

/// What a search with RUM indexes adds to every release, in any language.
const RUM_SEARCH: [&str; 3] = [
    "column objects.fts_content tsvector",
    "CREATE TRIGGER tsvectorupdate BEFORE INSERT OR UPDATE ON objects ",
    "function objects_fts_update() ",
];

/// Whether an object belongs to a search with RUM indexes.
pub(super) fn is_of_rum_search(object: &str) -> bool {
    RUM_SEARCH.iter().any(|begin| object.starts_with(begin))
}

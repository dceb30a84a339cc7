//! "Did you mean …": the nearest key to one that does not exist.

use super::key::Key;

/// Finds the key that `path` probably means, if one is close, or has the same name in another
/// section.
pub(super) fn nearest_key<'a>(keys: &[&'a Key], path: &str) -> Option<&'a Key> {
    let wanted = flat(path);
    let name = path.rsplit('.').next().unwrap_or(path);
    let distance = |key: &Key| {
        let same_name = key.path.rsplit('.').next() == Some(name);
        if same_name { 1 } else { strsim::damerau_levenshtein(&flat(key.path), &wanted) }
    };
    let best = keys.iter().min_by_key(|key| distance(key))?;
    is_close(distance(best), name).then_some(*best)
}

/// Finds the word that was probably meant.
pub(super) fn nearest_word<'a>(words: &[&'a str], wanted: &str) -> Option<&'a str> {
    let distance = |word: &str| strsim::damerau_levenshtein(word, wanted);
    let best = words.iter().min_by_key(|word| distance(word))?;
    is_close(distance(best), wanted).then_some(*best)
}

fn is_close(distance: usize, wanted: &str) -> bool {
    distance <= 2.max(wanted.len() / 3) && distance < wanted.len()
}

/// Normalises `database.url`, `database_url` and `DATABASE_URL` to the same text.
fn flat(path: &str) -> String {
    path.replace('.', "_").to_ascii_lowercase()
}

//! What holds for every file, for the fuzz targets and the tests.

use std::collections::HashSet;

use super::*;

/// Reads a file under different rules, and checks each result.
///
/// # Panics
/// If a host does not parse to itself, is listed twice or is out of order, or if a comment cannot be
/// stored as the reason of a run.
pub(crate) fn check(bytes: &[u8], format: Option<Format>) {
    let strict = read(bytes, format, &Rules::default());
    sound(strict.as_ref());
    let lax = Rules { severities: Severities::ANY, skip_invalid: true, ..Rules::default() };
    let all = read(bytes, format, &lax);
    sound(all.as_ref());
    if let (Ok(strict), Ok(all)) = (&strict, &all) {
        let hosts: HashSet<&Host> = all.entries.iter().map(|entry| &entry.host).collect();
        assert!(strict.entries.iter().all(|entry| hosts.contains(&entry.host)));
    }
    let allowed = read_allowed(bytes);
    if let (Ok(allowed), Ok(strict)) = (allowed, &strict) {
        // Whatever a list takes, the same list as an allow list takes out again.
        let rules = Rules { allowed, ..Rules::default() };
        if format.is_none() && !strict.entries.is_empty() {
            assert!(matches!(read(bytes, None, &rules), Err(Fault::File(_))));
        }
    }
}

fn sound(list: Result<&BlockList, &Fault>) {
    let entries = match list {
        Ok(list) => &list.entries,
        Err(Fault::File(reason)) => return assert!(!reason.is_empty() && reason.len() < 2_000),
        Err(Fault::Rows(bad)) => {
            assert!(!bad.is_empty() && bad.first.windows(2).all(|pair| pair[0].0 < pair[1].0));
            return assert!(bad.tell("it").len() < 20_000);
        }
    };
    assert!(!entries.is_empty());
    assert!(entries.windows(2).all(|pair| pair[0].place < pair[1].place));
    for Entry { host, comment, .. } in entries {
        assert_eq!(Host::parse(host.as_str()).as_ref(), Ok(host));
        let comment = comment.as_deref().unwrap_or("some");
        assert!(!comment.is_empty() && comment.chars().count() <= comment::COMMENT_MAX);
        assert!(!comment.chars().any(char::is_control));
    }
    let hosts: HashSet<&Host> = entries.iter().map(|entry| &entry.host).collect();
    assert_eq!(hosts.len(), entries.len());
}

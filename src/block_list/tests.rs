//! Every format in its variants, and what is wrong with files.

mod formats;
mod malformed;

use super::*;

/// Reads a file with the default rules.
fn list(file: impl AsRef<[u8]>) -> BlockList {
    list_by(file, &Rules::default())
}

fn list_by(file: impl AsRef<[u8]>, rules: &Rules) -> BlockList {
    match read(file.as_ref(), None, rules) {
        Ok(list) => list,
        Err(fault) => panic!("{fault:?}"),
    }
}

/// Hosts of a list with their places.
fn hosts(list: &BlockList) -> Vec<(Place, &str)> {
    list.entries.iter().map(|entry| (entry.place, entry.host.as_str())).collect()
}

/// Names of the hosts.
fn names(list: &BlockList) -> Vec<&str> {
    list.entries.iter().map(|entry| entry.host.as_str()).collect()
}

/// Comments of a list.
fn comments(list: &BlockList) -> Vec<&str> {
    list.entries.iter().map(|entry| entry.comment.as_deref().unwrap_or("")).collect()
}

/// Why a file as a whole is rejected.
fn fault(file: impl AsRef<[u8]>) -> String {
    match read(file.as_ref(), None, &Rules::default()) {
        Err(Fault::File(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Rejected rows of a file, with the reasons.
fn bad(file: impl AsRef<[u8]>) -> Vec<(Place, String)> {
    match read(file.as_ref(), None, &Rules::default()) {
        Err(Fault::Rows(bad)) => bad.first,
        other => panic!("{other:?}"),
    }
}

/// Places of the rejected rows.
fn places(file: impl AsRef<[u8]>) -> Vec<Place> {
    bad(file).into_iter().map(|(place, _)| place).collect()
}

fn skip_invalid() -> Rules {
    Rules { skip_invalid: true, ..Rules::default() }
}

fn any() -> Rules {
    Rules { severities: Severities::ANY, ..Rules::default() }
}

fn allowing(hosts: &[&str]) -> Rules {
    let allowed = hosts.iter().filter_map(|host| Host::parse(host).ok()).collect();
    Rules { allowed, ..Rules::default() }
}

proptest::proptest! {
    #[test]
    fn whatever_is_in_a_file_is_read_or_refused(
        lines in proptest::collection::vec(
            "[a-z*]{0,6}(\\.[a-z]{1,6}){0,2}|[#\"a-z,;\\t.* ]{0,30}|\"[a-z.]{1,12}\",\"?(suspend|silence|noop|)\"?,(true|FALSE|t|1|),[ -~]{0,20}|\\PC{0,20}|[\\[\\]{}:\",a-z.]{0,30}",
            0..12,
        ),
        end in "\n|\r\n|\r",
        header in "(\u{feff})?(#domain,#severity,#public_comment\n|domain;severity\n|\\[|\\{\"blocks\":\\{)?",
    ) {
        let file = header + &lines.join(&end);
        check(file.as_bytes(), None);
        for format in [Format::Plain, Format::Csv, Format::GotosocialJson, Format::RapidblockJson] {
            check(file.as_bytes(), Some(format));
        }
    }
}

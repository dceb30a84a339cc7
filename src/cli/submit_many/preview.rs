//! Hosts of a list, and what they are to this server's people: those that most of them follow come
//! first.

use std::cmp::Reverse;

use ostrakon_jobs::deactivate_instance::HostFigures;

use crate::{
    cli::output::table,
    numbers::{counted, thousands},
    requests::Planned,
};

/// Names of the columns; the first one marks hosts that people of this server follow.
const HEADER: [&str; 5] = ["", "FOLLOWED BY", "ACCOUNTS", "RELATIONS", "HOST"];

/// Maximum width of a row.
const WIDTH: usize = 80;

/// Indentation of a host below its row.
const INDENT: &str = "    ";

/// Maximum number of unknown hosts that are named.
const NAMED: usize = 3;

/// Hosts in the order in which they are shown: those that most people of this server follow first, then
/// those with most accounts, unknown ones last.
pub(super) fn sorted<'a>(list: impl IntoIterator<Item = &'a Planned>) -> Vec<&'a Planned> {
    let mut list: Vec<&Planned> = list.into_iter().collect();
    list.sort_by_key(|planned| {
        let figures = planned.figures.unwrap_or_default();
        (planned.unknown.is_some(), Reverse(figures.followers), Reverse(figures.accounts))
    });
    list
}

/// Table of the hosts that need work, at most `most` rows of it; nothing for other lists.
pub(super) fn lines<'a>(list: impl IntoIterator<Item = &'a Planned>, most: usize) -> Vec<String> {
    let hosts: Vec<(&Planned, HostFigures)> = sorted(list)
        .into_iter()
        .filter(|planned| planned.unknown.is_none() && planned.plan.total > 0)
        .filter_map(|planned| Some((planned, planned.figures?)))
        .collect();
    if hosts.is_empty() {
        return Vec::new();
    }
    let shown = hosts.get(..most).unwrap_or(&hosts);
    let mut lines = rows(shown);
    if hosts.len() > shown.len() {
        lines.push(format!("{} more; --dry-run shows all", number(hosts.len() - shown.len())));
    }
    let followed = hosts.iter().filter(|(_, figures)| figures.followers > 0).count();
    if followed > 0 {
        let hosts = counted(i64::try_from(followed).unwrap_or(i64::MAX), "hosts");
        lines.push(format!("* People of this server follow accounts of {hosts}."));
    }
    lines
}

fn rows(hosts: &[(&Planned, HostFigures)]) -> Vec<String> {
    let cells = |(planned, figures): &(&Planned, HostFigures)| {
        let mark = if figures.followers > 0 { "*" } else { "" };
        let numbers = [figures.followers, figures.accounts, figures.relations].map(thousands);
        let host = planned.job.subject().to_owned();
        [mark.to_owned()].into_iter().chain(numbers).chain([host]).collect()
    };
    let mut rows: Vec<Vec<String>> = vec![HEADER.map(str::to_owned).to_vec()];
    rows.extend(hosts.iter().map(cells));
    for column in 1..HEADER.len() - 1 {
        right_aligned(&mut rows, column);
    }
    let hosts: Vec<String> = rows.iter_mut().filter_map(Vec::pop).collect();
    let numbers = rows.split_off(1);
    let header = rows.pop().unwrap_or_default();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let lines = table(&header, &numbers).into_iter().zip(hosts);
    lines.map(|(numbers, host)| with_host(numbers, &host)).collect()
}

/// A row with its host, which goes below the numbers if there is no room for it.
fn with_host(numbers: String, host: &str) -> String {
    let line = format!("{numbers}  {host}");
    if line.len() <= WIDTH {
        return line;
    }
    let names = host.as_bytes().chunks(WIDTH - INDENT.len());
    let names = names.map(|part| format!("\n{INDENT}{}", String::from_utf8_lossy(part)));
    [numbers].into_iter().chain(names).collect()
}

/// Sets the numbers of a column below each other.
fn right_aligned(rows: &mut [Vec<String>], column: usize) {
    let cells = || rows.iter().filter_map(|row| row.get(column));
    let width = cells().map(String::len).max().unwrap_or(0);
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
        *cell = format!("{cell:>width$}");
    }
}

/// One line for all unknown hosts, if there are any.
pub(super) fn unknown_line<'a>(unknown: impl IntoIterator<Item = &'a Planned>) -> Option<String> {
    let unknown: Vec<&Planned> = unknown.into_iter().collect();
    let hosts = counted(i64::try_from(unknown.len()).unwrap_or(i64::MAX), "hosts");
    let mut names: Vec<&str> =
        unknown.iter().take(NAMED).map(|planned| planned.job.subject()).collect();
    if unknown.len() > names.len() {
        names.push("…");
    }
    let is_below =
        |planned: &&&Planned| planned.figures.is_some_and(|figures| figures.subdomain_accounts > 0);
    let below = match unknown.iter().filter(is_below).count() {
        0 => String::new(),
        below => format!(
            " Sub-domains of {} are known: add --include-subdomains if you mean them.",
            number(below)
        ),
    };
    (!unknown.is_empty()).then(|| format!("Unknown here: {hosts} ({}).{below}", names.join(", ")))
}

fn number(number: usize) -> String {
    thousands(i64::try_from(number).unwrap_or(i64::MAX))
}

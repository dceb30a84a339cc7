//! Which rows of a list are taken.

use std::collections::{HashMap, HashSet};

use ostrakon_jobs::deactivate_instance::Host;
use serde::Serialize;

use super::{
    Entry, HOSTS_MAX, Severities, comment,
    fault::{self, Bad, Fault},
    row::{Place, Row, Stated},
    severity::Severity,
};
use crate::numbers::thousands;

/// Prefix of the labels of IFTAS.
const IFTAS: &str = "iftas:";

/// Label and host of the row by which a list of IFTAS shows that it is whole and current.
const CANARY: &str = "iftas:canary";
const CANARY_HOST: &str = "dni.invalid";

/// What the operator wants of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// Severities of the rows to take.
    pub(crate) severities: Severities,
    /// Whether to leave out rows that cannot be read.
    pub(crate) skip_invalid: bool,
    /// Hosts to leave out.
    pub(crate) allowed: HashSet<Host>,
    /// Whether each host stands for its sub-domains as well.
    pub(crate) include_subdomains: bool,
}

/// Number of rows that are not taken, by reason.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Skipped {
    /// Rows of severity `suspend`, when others are wanted.
    pub(crate) suspend: i64,
    /// Rows of severity `silence`.
    pub(crate) silence: i64,
    /// Rows of severity `noop`.
    pub(crate) noop: i64,
    /// Hosts that are explicitly not blocked.
    pub(crate) not_blocked: i64,
    /// Rows that only show that the list is whole.
    pub(crate) canary: i64,
    /// Rows that name a host again.
    pub(crate) duplicate: i64,
    /// Hosts that the operator allows.
    pub(crate) allowed: i64,
    /// Rows with a wildcard or an obfuscated host.
    pub(crate) obfuscated: i64,
    /// Other rows that cannot be read.
    pub(crate) invalid: i64,
    /// First rows that cannot be read, obfuscated ones included.
    #[serde(serialize_with = "fault::as_list")]
    pub(crate) unread: Bad,
}

/// Takes the rows that the rules want.
pub(super) fn take(
    rows: Vec<Result<Row, (Place, String)>>,
    rules: &Rules,
) -> Result<(Vec<Entry>, Skipped), Fault> {
    require_canary(&rows)?;
    take_any(rows, rules)
}

/// The same for a list that needs no canary row.
pub(super) fn take_any(
    rows: Vec<Result<Row, (Place, String)>>,
    rules: &Rules,
) -> Result<(Vec<Entry>, Skipped), Fault> {
    let mut taking = Taking::new(rules);
    for row in rows {
        match row {
            Ok(row) => taking.row(&row)?,
            Err((place, reason)) => taking.unread(place, reason, false),
        }
    }
    taking.end()
}

/// Refuses a list of IFTAS that is not whole, or not a current one.
fn require_canary(rows: &[Result<Row, (Place, String)>]) -> Result<(), Fault> {
    let is_of_iftas = |row: &Row| comment::labels(row).any(|label| label.starts_with(IFTAS));
    let rows = || rows.iter().flatten();
    if rows().any(is_canary_of_iftas) || !rows().any(is_of_iftas) {
        return Ok(());
    }
    Err(Fault::File(format!(
        "has labels of IFTAS, but not its canary row {CANARY_HOST}: it is out of date, or cut off. \
         Download it again. If it is a list of your own with rows of IFTAS, add the row \
         {CANARY_HOST}, with the label {CANARY}"
    )))
}

fn is_canary_of_iftas(row: &Row) -> bool {
    plain_host(row) == CANARY_HOST || comment::labels(row).any(|label| label == CANARY)
}

/// Whether a row names no instance, but shows that the list is whole.
fn is_canary(row: &Row) -> bool {
    is_canary_of_iftas(row) || plain_host(row).ends_with(".invalid")
}

fn plain_host(row: &Row) -> String {
    row.host.trim().trim_end_matches('.').to_lowercase()
}

/// Rows that were taken so far.
struct Taking<'a> {
    rules: &'a Rules,
    entries: Vec<Entry>,
    /// Indexes of the entries by host.
    seen: HashMap<Host, usize>,
    skipped: Skipped,
    bad: Bad,
    /// Parents of allowed hosts, each with one of these.
    parents: HashMap<&'a str, &'a Host>,
}

impl<'a> Taking<'a> {
    fn new(rules: &'a Rules) -> Self {
        let allowed = rules.allowed.iter().filter(|_| rules.include_subdomains);
        let parents = allowed.flat_map(|host| {
            let name = host.as_str();
            let parents = name.match_indices('.').filter_map(|(dot, _)| name.get(dot + 1..));
            parents.map(move |parent| (parent, host))
        });
        Self {
            rules,
            entries: Vec::new(),
            seen: HashMap::new(),
            skipped: Skipped::default(),
            bad: Bad::default(),
            parents: parents.collect(),
        }
    }

    fn row(&mut self, row: &Row) -> Result<(), Fault> {
        if is_canary(row) {
            self.skipped.canary += 1;
            return Ok(());
        }
        let host = match Host::parse(&row.host) {
            Ok(host) => host,
            Err(error) => {
                let hidden = hidden(&row.host);
                let is_hidden = hidden.is_some();
                let reason = hidden.unwrap_or_else(|| error.to_string());
                self.unread(row.place, reason, is_hidden);
                return Ok(());
            }
        };
        if !self.is_wanted(row) {
            return Ok(());
        }
        if self.rules.allowed.contains(&host) {
            self.skipped.allowed += 1;
            return Ok(());
        }
        if let Some(allowed) = self.parents.get(host.as_str()) {
            self.bad.push(row.place, format!(
                "{host} with its sub-domains would include {allowed}, which --allow-file takes out"
            ));
            return Ok(());
        }
        self.add(row, host)
    }

    /// Whether the severity of a row is wanted. Counts it otherwise.
    fn is_wanted(&mut self, row: &Row) -> bool {
        let wanted = self.rules.severities;
        match &row.severity {
            Stated::Nothing => return true,
            Stated::Severity(severity) if wanted.include(*severity) => return true,
            Stated::Severity(Severity::Suspend) => self.skipped.suspend += 1,
            Stated::Severity(Severity::Silence) => self.skipped.silence += 1,
            Stated::Severity(Severity::Noop) => self.skipped.noop += 1,
            Stated::NotBlocked => self.skipped.not_blocked += 1,
            Stated::Empty if wanted.empty => return true,
            Stated::Empty => {
                let reason = "its severity is empty; --severity suspend,empty takes such lines";
                self.unread(row.place, reason.to_owned(), false);
            }
            Stated::Unknown(text) => {
                let text: String = text.chars().take(40).collect();
                let reason =
                    format!("{text:?} is no severity; there are suspend, silence and noop");
                self.unread(row.place, reason, false);
            }
        }
        false
    }

    fn add(&mut self, row: &Row, host: Host) -> Result<(), Fault> {
        let comment = comment::of(row);
        if let Some(at) = self.seen.get(&host) {
            self.skipped.duplicate += 1;
            if let Some(entry) = self.entries.get_mut(*at) {
                entry.comment = entry.comment.take().or(comment);
            }
            return Ok(());
        }
        if self.entries.len() == HOSTS_MAX {
            let limit = thousands(i64::try_from(HOSTS_MAX).unwrap_or(i64::MAX));
            return Err(Fault::File(format!("names more than {limit} hosts: split the list")));
        }
        self.seen.insert(host.clone(), self.entries.len());
        self.entries.push(Entry { place: row.place, host, comment });
        Ok(())
    }

    /// Counts a row that cannot be read.
    fn unread(&mut self, place: Place, reason: String, is_hidden: bool) {
        if !self.rules.skip_invalid {
            self.bad.can_be_skipped = true;
            self.bad.push(place, reason);
            return;
        }
        if is_hidden {
            self.skipped.obfuscated += 1;
        } else {
            self.skipped.invalid += 1;
        }
        self.skipped.unread.push(place, reason);
    }

    fn end(self) -> Result<(Vec<Entry>, Skipped), Fault> {
        if !self.bad.is_empty() {
            return Err(Fault::Rows(self.bad));
        }
        if self.entries.is_empty() {
            let mut reason = "contains no host".to_owned();
            if let Some(skipped) = self.skipped.sentence() {
                reason = format!("{reason} that is taken; skipped: {skipped}");
            }
            return Err(Fault::File(reason));
        }
        Ok((self.entries, self.skipped))
    }
}

/// Why a host is a wildcard or obfuscated, if it is.
fn hidden(host: &str) -> Option<String> {
    let host = host.trim();
    let shown: String = host.chars().take(80).collect();
    if let Some(parent) = host.strip_prefix("*.")
        && let Ok(parent) = Host::parse(parent)
    {
        return Some(format!(
            "{shown:?} is a wildcard: name {parent}, and add --include-subdomains"
        ));
    }
    host.contains(['*', '?', '\u{2022}', '\u{2026}', '\u{fffd}'])
        .then(|| format!("{shown:?} is obfuscated or a wildcard: get the list with the real names"))
}

impl Skipped {
    /// Reasons with their numbers, such as `3 silence, 1 duplicate`.
    pub(crate) fn sentence(&self) -> Option<String> {
        let counts = [
            (self.suspend, "suspend"),
            (self.silence, "silence"),
            (self.noop, "noop"),
            (self.not_blocked, "not blocked"),
            (self.canary, "canary"),
            (self.duplicate, "duplicate"),
            (self.allowed, "allowed"),
            (self.obfuscated, "obfuscated or wildcard"),
            (self.invalid, "invalid"),
        ];
        let counts = counts.into_iter().filter(|(number, _)| *number > 0);
        let texts: Vec<String> =
            counts.map(|(number, name)| format!("{} {name}", thousands(number))).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }
}

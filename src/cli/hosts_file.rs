//! `--hosts-file` and what belongs to it, for every command that takes a list of hosts.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use ostrakon_jobs::deactivate_instance::Host;
use serde_json::json;

use super::{Failure, Output};
use crate::{
    block_list::{
        self, Bad, BlockList, Entry, FILE_MAX, Fault, Format, Rules, Severities, Skipped,
    },
    numbers::counted,
};

/// Options of a command that takes a list of hosts. The command has an argument `host`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct HostsFileOptions {
    /// Read the hosts from a block list, or from standard input for -.
    #[arg(long, value_name = "FILE", conflicts_with = "host")]
    hosts_file: Option<PathBuf>,
    /// Format of the list, if guessing fails.
    #[arg(long, conflicts_with = "host")]
    format: Option<Format>,
    /// Severities of the hosts to take, separated by commas; a list without severities is taken whole.
    #[arg(
        long,
        value_name = "SEVERITY",
        value_delimiter = ',',
        default_value = "suspend",
        conflicts_with = "host"
    )]
    severity: Vec<SeverityOption>,
    /// Leave out lines that cannot be read, wildcards and obfuscated hosts; by default, they refuse the list.
    #[arg(long, conflicts_with = "host")]
    skip_invalid: bool,
    /// Leave out the hosts of this list, of any format.
    #[arg(long, value_name = "FILE", conflicts_with = "host")]
    allow_file: Option<PathBuf>,
}

/// Severity that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SeverityOption {
    /// Suspended hosts.
    Suspend,
    /// Silenced hosts.
    #[value(alias = "limit")]
    Silence,
    /// Hosts with lesser limitations.
    Noop,
    /// Hosts whose severity is empty.
    Empty,
    /// All hosts.
    Any,
}

impl HostsFileOptions {
    /// Whether there is a list.
    pub(in crate::cli) const fn is_given(&self) -> bool {
        self.hosts_file.is_some()
    }

    /// Reads the list, and reports what is left out of it.
    pub(in crate::cli) fn read(
        &self,
        include_subdomains: bool,
        output: Output,
    ) -> Result<HostsFile, Failure> {
        let path = self.hosts_file.as_deref().unwrap_or(Path::new("-"));
        let allowed = self.allowed(path)?;
        let rules = Rules {
            severities: self.severities(),
            skip_invalid: self.skip_invalid,
            allowed,
            include_subdomains,
        };
        let named = named(path);
        let bytes = content(path)?;
        let list = block_list::read(&bytes, self.format, &rules);
        let list = list.map_err(|fault| refused(&named, &fault))?;
        tell(&named, &list, output);
        Ok(HostsFile { named, entries: list.entries, skipped: list.skipped })
    }

    fn severities(&self) -> Severities {
        let has = |severity| self.severity.contains(&severity);
        if has(SeverityOption::Any) {
            return Severities::ANY;
        }
        Severities {
            suspend: has(SeverityOption::Suspend),
            silence: has(SeverityOption::Silence),
            noop: has(SeverityOption::Noop),
            empty: has(SeverityOption::Empty),
        }
    }

    fn allowed(&self, hosts_file: &Path) -> Result<HashSet<Host>, Failure> {
        let Some(path) = &self.allow_file else { return Ok(HashSet::new()) };
        if [path.as_path(), hosts_file] == [Path::new("-"); 2] {
            return Err(Failure::Usage(
                "only one of --hosts-file and --allow-file can be the standard input; nothing was \
                 queued"
                    .to_owned(),
            ));
        }
        let allowed = block_list::read_allowed(&content(path)?);
        allowed.map_err(|fault| refused(&named(path), &fault))
    }
}

/// Hosts of a list that was read.
#[derive(Debug)]
pub(in crate::cli) struct HostsFile {
    /// Name of the file in messages.
    named: String,
    entries: Vec<Entry>,
    skipped: Skipped,
}

impl HostsFile {
    /// Prints in JSON how many hosts are taken, and how many rows are left out.
    pub(in crate::cli) fn show(&self, output: Output) {
        output.object(&json!({ "hosts": self.entries.len(), "skipped": self.skipped }));
    }

    /// Returns the hosts, with what the list says about each, if none is refused. `refuse` gives the
    /// reason for refusing a host, beyond what the file alone shows.
    pub(in crate::cli) fn accept(
        &self,
        refuse: impl Fn(&Host) -> Option<String>,
    ) -> Result<Vec<(Host, Option<String>)>, Failure> {
        let mut bad = Bad::default();
        for Entry { place, host, .. } in &self.entries {
            if let Some(reason) = refuse(host) {
                bad.push(*place, reason);
            }
        }
        if bad.is_empty() {
            let entry = |entry: &Entry| (entry.host.clone(), entry.comment.clone());
            return Ok(self.entries.iter().map(entry).collect());
        }
        Err(Failure::Refused(bad.tell(&self.named)))
    }
}

fn named(path: &Path) -> String {
    if path == Path::new("-") {
        "the standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Reads at most one byte more than the limit, whatever the size of the input.
fn content(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || -> io::Result<Vec<u8>> {
        let source: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(path)?)
        };
        let mut bytes = Vec::new();
        source.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| {
        Failure::Usage(format!("{} cannot be read ({error}); nothing was queued", named(path)))
    })
}

fn refused(named: &str, fault: &Fault) -> Failure {
    Failure::Usage(match fault {
        Fault::File(reason) => format!("{named} {reason}\nNothing was queued."),
        Fault::Rows(bad) => bad.tell(named),
    })
}

/// Reports how many hosts are taken, and what is left out.
fn tell(named: &str, list: &BlockList, output: Output) {
    let number = i64::try_from(list.entries.len()).unwrap_or(i64::MAX);
    let hosts = counted(number, "hosts");
    match list.skipped.sentence() {
        Some(skipped) => output.note(format!("{named}: {hosts}; skipped: {skipped}.")),
        None if list.lacks_severities => {}
        None => return,
    }
    if list.lacks_severities {
        output.note(format!("{named} states no severities: all its hosts are taken."));
    }
    let unread = list.skipped.unread.lines();
    if !unread.is_empty() {
        output.warning(format!("left out of {named}:\n{}", unread.join("\n")));
    }
}

//! `--hosts-file`: the hosts of many instances, one per line.

use crate::numbers::{counted, thousands};
use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::Path,
};

use ostrakon_jobs::deactivate_instance::{Host, is_header_of_blocks};

use crate::cli::Failure;

/// Maximum size of the file, in bytes.
const FILE_MAX: u64 = 4 * 1024 * 1024;

/// Maximum length of a line, in bytes: a host and a comment.
const LINE_MAX: usize = 4 * 1024;

/// Maximum number of hosts in a list: each becomes a run with its plan.
const HOSTS_MAX: usize = 20_000;

/// Maximum number of lines that an error names.
const NAMED_MAX: usize = 20;

/// How to turn other programs' tables into lists of hosts.
const ADVICE: &str = "ostrakon takes one host per line, without severity. Extract the hosts to \
                      deactivate, for example with: awk -F, '$2 == \"suspend\" { print $1 }' FILE";

/// Parsed file.
#[derive(Debug)]
pub(super) struct List {
    /// Name of the file in messages.
    named: String,
    /// Hosts without duplicates, in the file's order.
    lines: Vec<Line>,
}

/// Host with the first line that names it.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    /// Line number, from 1.
    number: usize,
    /// Host named on that line.
    host: Host,
}

/// Reason why a file is not a list of hosts.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// Problem of the file as a whole, as the end of a sentence that begins with its name.
    File(String),
    /// Problems of individual lines.
    Lines(Bad),
}

/// Rejected lines. Their number is limited only by the size of the file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bad {
    /// First rejected lines, each with its number and the reason.
    first: Vec<(usize, String)>,
    /// Number of further rejected lines.
    more: i64,
}

impl Bad {
    fn push(&mut self, number: usize, reason: String) {
        if self.first.len() < NAMED_MAX {
            self.first.push((number, reason));
        } else {
            self.more += 1;
        }
    }

    /// Error message that names the rejected lines of a file.
    fn tell(&self, named: &str) -> String {
        let line = |(number, reason): &(usize, String)| format!("  line {number}: {reason}");
        let mut lines: Vec<String> = self.first.iter().map(line).collect();
        if self.more > 0 {
            lines.push(format!("  and {}", counted(self.more, "more lines")));
        }
        if self.first.iter().any(|(_, reason)| reason.contains("(CSV)")) {
            lines.push(format!("It looks like a table of blocked domains: {ADVICE}"));
        }
        format!("{named} is not accepted:\n{}\nNothing was queued.", lines.join("\n"))
    }
}

/// Reads the hosts from a file, or from standard input for `-`.
pub(super) fn read(path: &Path) -> Result<List, Failure> {
    let named = if path == Path::new("-") {
        "the standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let bytes = content(path).map_err(|error| {
        Failure::Usage(format!("{named} cannot be read ({error}); nothing was queued"))
    })?;
    match parse(&bytes) {
        Ok(lines) => Ok(List { named, lines }),
        Err(Fault::File(reason)) => {
            Err(Failure::Usage(format!("{named} {reason}\nNothing was queued.")))
        }
        Err(Fault::Lines(bad)) => Err(Failure::Usage(bad.tell(&named))),
    }
}

/// Reads at most one byte more than the limit, whatever the size of the input.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path)?)
    };
    source.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl List {
    /// Returns the hosts if none is refused. `refuse` gives the reason for refusing a host, beyond
    /// what the file alone shows.
    pub(super) fn accept(
        self,
        refuse: impl Fn(&Host) -> Option<String>,
    ) -> Result<Vec<Host>, Failure> {
        let mut bad = Bad::default();
        for Line { number, host } in &self.lines {
            if let Some(reason) = refuse(host) {
                bad.push(*number, reason);
            }
        }
        if bad.first.is_empty() {
            return Ok(self.lines.into_iter().map(|line| line.host).collect());
        }
        Err(Failure::Refused(bad.tell(&self.named)))
    }
}

/// Parses a file. A `#` starts a comment; no host contains one.
fn parse(bytes: &[u8]) -> Result<Vec<Line>, Fault> {
    if bytes.len() as u64 > FILE_MAX {
        let limit = thousands(i64::try_from(FILE_MAX).unwrap_or(i64::MAX));
        return Err(Fault::File(format!("is larger than {limit} bytes: split the list")));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut lines, mut bad, mut seen) = (Vec::new(), Bad::default(), HashSet::new());
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.len() > LINE_MAX {
            let limit = thousands(i64::try_from(LINE_MAX).unwrap_or(i64::MAX));
            bad.push(number, format!("it is longer than {limit} bytes"));
            continue;
        }
        let Ok(line) = str::from_utf8(line) else {
            bad.push(number, "it is not UTF-8".to_owned());
            continue;
        };
        // The header of Mastodon's export begins with a `#`, which starts a comment here.
        if is_header_of_blocks(line) && lines.is_empty() && bad.first.is_empty() {
            return Err(Fault::File(format!(
                "is a table of blocked domains (CSV), as Mastodon and FediBlockHole write them: \
                 {ADVICE}"
            )));
        }
        let typed = line.split('#').next().unwrap_or_default().trim();
        if typed.is_empty() {
            continue;
        }
        match Host::parse(typed) {
            Ok(host) if !seen.insert(host.clone()) => {}
            Ok(_) if lines.len() == HOSTS_MAX => {
                let limit = thousands(i64::try_from(HOSTS_MAX).unwrap_or(i64::MAX));
                return Err(Fault::File(format!("names more than {limit} hosts: split the list")));
            }
            Ok(host) => lines.push(Line { number, host }),
            Err(error) => bad.push(number, error.to_string()),
        }
    }
    if !bad.first.is_empty() {
        return Err(Fault::Lines(bad));
    }
    if lines.is_empty() {
        return Err(Fault::File("contains no host".to_owned()));
    }
    Ok(lines)
}

/// Parses a file and checks the result; for the fuzz target.
///
/// # Panics
/// If a host does not parse to itself, is listed twice, or is out of order.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(bytes: &[u8]) {
    let lines = match parse(bytes) {
        Ok(lines) => lines,
        Err(Fault::File(reason)) => return assert!(!reason.is_empty()),
        Err(Fault::Lines(bad)) => {
            return assert!(bad.first.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    };
    assert!(lines.windows(2).all(|pair| pair[0].number < pair[1].number));
    for Line { host, .. } in &lines {
        assert_eq!(Host::parse(host.as_str()).as_ref(), Ok(host));
    }
    let hosts: HashSet<&Host> = lines.iter().map(|line| &line.host).collect();
    assert_eq!(hosts.len(), lines.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the rejected lines.
    fn bad(file: &[u8]) -> Vec<usize> {
        match parse(file) {
            Err(Fault::Lines(bad)) => bad.first.into_iter().map(|(number, _)| number).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Reason why a file as a whole is rejected.
    fn fault(file: &[u8]) -> String {
        match parse(file) {
            Err(Fault::File(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn comments_blank_lines_and_doubles_are_passed_over() {
        let file =
            "\u{feff}# spam\n\nspam.example\r\n  other.example  # since May\nSPAM.Example.\n#x";
        let lines = parse(file.as_bytes()).unwrap_or_default();
        let lines: Vec<_> = lines.iter().map(|line| (line.number, line.host.as_str())).collect();
        assert_eq!(lines, [(3, "spam.example"), (4, "other.example")]);
    }

    #[test]
    fn every_bad_line_is_named() {
        assert_eq!(bad(b"ok.example\n%\nhttps://a.example\n\xff\n"), [2, 3, 4]);
        assert_eq!(bad(b"bad.domain,suspend,true\nok.example\nb.example,silence"), [1, 3]);
    }

    #[test]
    fn a_table_of_blocked_domains_is_known_by_its_header() {
        for header in
            ["#domain,#severity,#reject_media", "\u{feff}\ndomain,severity", "Domain;Severity"]
        {
            let file = format!("{header}\r\nbad.domain,suspend,true\r\n");
            assert!(fault(file.as_bytes()).contains("table of blocked domains"), "{header}");
        }
        // Only at the beginning of the file.
        assert_eq!(parse(b"a.example\n#domain,severity\n").map(|lines| lines.len()), Ok(1));
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let long = vec![b'a'; LINE_MAX + 1];
        assert_eq!(bad(&[b"a.example\n".as_slice(), &long].concat()), [2]);
        let large = vec![b'#'; usize::try_from(FILE_MAX).unwrap_or_default() + 1];
        assert!(fault(&large).contains("larger than 4,194,304 bytes"));
        let many: Vec<String> =
            (0..=HOSTS_MAX).map(|number| format!("h{number}.example")).collect();
        let many = many.join("\n");
        assert!(fault(many.as_bytes()).contains("more than 20,000 hosts"));
        let bad_ones = "%\n".repeat(1_000);
        let Err(Fault::Lines(bad)) = parse(bad_ones.as_bytes()) else { panic!("accepted") };
        assert!(bad.tell("it").contains("and 980 more lines"));
    }
}

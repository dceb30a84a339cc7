//! `--hosts-file`: the hosts of many instances, one a line.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read as _},
    path::Path,
};

use kenoma_jobs::deactivate_instance::Host;

use crate::cli::Failure;

/// What a file says.
pub(super) struct List {
    /// What the file is called.
    named: String,
    /// Each host once, in the file's order.
    lines: Vec<Line>,
    /// Numbers of lines that are not accepted, each with the reason.
    bad: Vec<(usize, String)>,
}

/// A host and the line that names it first.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    /// From 1.
    number: usize,
    /// The host.
    host: Host,
}

/// Reads the hosts of a file, or of the standard input for `-`.
pub(super) fn read(path: &Path) -> Result<List, Failure> {
    let named = if path == Path::new("-") {
        "the standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let bytes = content(path).map_err(|error| {
        Failure::Usage(format!("{named} cannot be read ({error}); nothing was queued"))
    })?;
    let (lines, bad) = parse(&bytes);
    if lines.is_empty() && bad.is_empty() {
        return Err(Failure::Usage(format!("{named} names no host; nothing was queued")));
    }
    Ok(List { named, lines, bad })
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl List {
    /// The hosts, if every line is accepted; `refuse` says why one is not, for reasons that the file
    /// alone does not tell.
    pub(super) fn accept(
        self,
        refuse: impl Fn(&Host) -> Option<String>,
    ) -> Result<Vec<Host>, Failure> {
        let refused = |line: &Line| refuse(&line.host).map(|reason| (line.number, reason));
        let mut bad = self.bad;
        bad.extend(self.lines.iter().filter_map(refused));
        bad.sort();
        if bad.is_empty() {
            return Ok(self.lines.into_iter().map(|line| line.host).collect());
        }
        let lines: Vec<String> =
            bad.iter().map(|(number, reason)| format!("  line {number}: {reason}")).collect();
        Err(Failure::Refused(format!(
            "{} is not accepted:\n{}\nNothing was queued.",
            self.named,
            lines.join("\n")
        )))
    }
}

/// Takes a file apart. From a `#` to its end a line is a comment; no host has one.
fn parse(bytes: &[u8]) -> (Vec<Line>, Vec<(usize, String)>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut lines, mut bad, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let Ok(line) = str::from_utf8(line) else {
            bad.push((number, "it is not UTF-8".to_owned()));
            continue;
        };
        let typed = line.split('#').next().unwrap_or_default().trim();
        if typed.is_empty() {
            continue;
        }
        match Host::parse(typed) {
            Ok(host) if seen.insert(host.clone()) => lines.push(Line { number, host }),
            Ok(_twice) => {}
            Err(error) => bad.push((number, error.to_string())),
        }
    }
    (lines, bad)
}

/// Takes a file apart and checks what comes out; for the fuzz target.
///
/// # Panics
/// When a host is not one that is read back as itself, is there twice, or out of order.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(bytes: &[u8]) {
    let (lines, bad) = parse(bytes);
    assert!(lines.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert!(bad.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for Line { host, .. } in &lines {
        assert_eq!(Host::parse(host.as_str()).as_ref(), Ok(host));
    }
    let hosts: HashSet<&Host> = lines.iter().map(|line| &line.host).collect();
    assert_eq!(hosts.len(), lines.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_and_doubles_are_passed_over() {
        let file =
            "\u{feff}# spam\n\nspam.example\r\n  other.example  # since May\nSPAM.Example.\n#x";
        let (lines, bad) = parse(file.as_bytes());
        let lines: Vec<_> = lines.iter().map(|line| (line.number, line.host.as_str())).collect();
        assert_eq!(lines, [(3, "spam.example"), (4, "other.example")]);
        assert_eq!(bad, []);
    }

    #[test]
    fn every_bad_line_is_named() {
        let (lines, bad) = parse(b"ok.example\n%\nhttps://a.example\n\xff\n");
        assert_eq!(lines.len(), 1);
        assert_eq!(bad.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3, 4]);
    }
}

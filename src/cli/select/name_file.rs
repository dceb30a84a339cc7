//! `--from-file`: nicknames or ids, one per line, or CSV with a column `id` or `nickname`.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::Path,
};

use ostrakon_server::{AccountName, Flake, Server, find_named};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    failure::Failure,
    numbers::{counted, thousands},
};

/// Maximum size of the file, in bytes.
const FILE_MAX: u64 = 32 * 1024 * 1024;

/// Maximum length of a name, in bytes.
const NAME_MAX: usize = 1024;

/// Maximum number of accounts.
const NAMES_MAX: usize = 500_000;

/// Maximum number of lines that an error names.
const NAMED_MAX: usize = 20;

/// Accounts named in a file, in its order.
#[derive(Debug)]
pub(super) struct NameFile {
    /// Name of the file in messages.
    named: String,
    lines: Vec<Line>,
}

/// Account, with the line that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// Line number, from 1.
    number: u64,
    /// Its name as typed.
    text: String,
    /// The same, read.
    name: AccountName,
}

/// Reason why a file is not a list of accounts.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// Problem of the file as a whole, as the end of a sentence that begins with its name.
    File(String),
    /// Rejected lines, each with its number and the reason.
    Lines(Vec<(u64, String)>),
}

/// Reads the names from a file, or from standard input for `-`.
pub(super) fn read(path: &Path) -> Result<NameFile, Failure> {
    let is_stdin = path == Path::new("-");
    let named = if is_stdin { "the standard input".to_owned() } else { path.display().to_string() };
    let content = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let source: Box<dyn Read> =
            if is_stdin { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) };
        source.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = content().map_err(|error| {
        Failure::Usage(format!("{named} cannot be read ({error})\nNothing was changed."))
    })?;
    match parse(&bytes) {
        Ok(lines) => Ok(NameFile { named, lines }),
        Err(Fault::File(reason)) => {
            Err(Failure::Usage(format!("{named} {reason}\nNothing was changed.")))
        }
        Err(Fault::Lines(bad)) => Err(Failure::Usage(rejected(&named, &bad))),
    }
}

/// Error message that names rejected lines.
fn rejected(named: &str, bad: &[(u64, String)]) -> String {
    let mut lines: Vec<String> = bad
        .iter()
        .take(NAMED_MAX)
        .map(|(number, reason)| format!("  line {number}: {reason}"))
        .collect();
    if bad.len() > NAMED_MAX {
        let more = i64::try_from(bad.len() - NAMED_MAX).unwrap_or(i64::MAX);
        lines.push(format!("  and {}", counted(more, "more lines")));
    }
    format!("{named} is not accepted:\n{}\nNothing was changed.", lines.join("\n"))
}

impl NameFile {
    /// Finds the accounts. Unknown ones are an error, or are left out and counted.
    pub(super) async fn resolve(
        &self,
        db: &mut PgConnection,
        server: &Server,
        skip_unknown: bool,
    ) -> Result<(Vec<Uuid>, i64), Failure> {
        let names: Vec<AccountName> = self.lines.iter().map(|line| line.name.clone()).collect();
        let mut found = find_named(&mut *db, server, &names).await?;
        // A nickname may look like an id, so it comes first.
        let ids: Vec<AccountName> = self.lines.iter().map(Line::as_id).collect();
        if found.contains(&None) {
            let by_id = find_named(db, server, &ids).await?;
            for (found, by_id) in found.iter_mut().zip(by_id) {
                *found = found.or(by_id);
            }
        }
        let unknown: Vec<(u64, String)> = self
            .lines
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(line, _)| (line.number, format!("no account {}", line.text)))
            .collect();
        if !unknown.is_empty() && !skip_unknown {
            let text = rejected(&self.named, &unknown);
            return Err(Failure::NotFound(format!("{text} --skip-unknown leaves such lines out.")));
        }
        let mut seen = HashSet::new();
        let accounts = found.into_iter().flatten().filter(|id| seen.insert(*id)).collect();
        Ok((accounts, i64::try_from(unknown.len()).unwrap_or(i64::MAX)))
    }
}

impl Line {
    fn new(number: u64, text: &str) -> Result<Self, (u64, String)> {
        let fault = match text {
            "" => Some("no account is named".to_owned()),
            _ if text.len() > NAME_MAX => {
                let limit = thousands(i64::try_from(NAME_MAX).unwrap_or(i64::MAX));
                Some(format!("it is longer than {limit} bytes"))
            }
            _ if text.contains(|c: char| {
                c.is_whitespace() || c.is_control() || ",;\"'*%/".contains(c)
            }) =>
            {
                Some("neither a nickname nor an id".to_owned())
            }
            _ => None,
        };
        if let Some(fault) = fault {
            return Err((number, fault));
        }
        let name = match Uuid::try_parse(text) {
            Ok(id) if text.len() == 36 => AccountName::Id(id),
            _ => AccountName::Nickname(text.to_owned()),
        };
        Ok(Self { number, text: text.to_owned(), name })
    }

    /// The name, if it can be the id that the server writes.
    fn as_id(&self) -> AccountName {
        match self.text.parse::<Flake>() {
            Ok(Flake(id)) => AccountName::Id(id),
            Err(_) => self.name.clone(),
        }
    }
}

/// Parses a file: CSV if its first line has a column `id` or `nickname`.
fn parse(bytes: &[u8]) -> Result<Vec<Line>, Fault> {
    if bytes.len() as u64 > FILE_MAX {
        let limit = thousands(i64::try_from(FILE_MAX).unwrap_or(i64::MAX));
        return Err(Fault::File(format!("is larger than {limit} bytes: split the list")));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = str::from_utf8(bytes).map_err(|_fault| Fault::File("is not UTF-8".to_owned()))?;
    let read = columns(text).map_or_else(|| lines(text), |columns| table(text, columns));
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for line in read {
        match line {
            Ok(line) => good.push(line),
            Err(fault) => bad.push(fault),
        }
    }
    if !bad.is_empty() {
        return Err(Fault::Lines(bad));
    }
    match good.len() {
        0 => Err(Fault::File("names no account".to_owned())),
        number if number > NAMES_MAX => {
            let limit = thousands(i64::try_from(NAMES_MAX).unwrap_or(i64::MAX));
            Err(Fault::File(format!("names more than {limit} accounts: split the list")))
        }
        _ => Ok(good),
    }
}

/// One name per line; a `#` begins a comment.
fn lines(text: &str) -> Vec<Result<Line, (u64, String)>> {
    let typed = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    (1..)
        .zip(text.lines().map(typed))
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| Line::new(number, &line))
        .collect()
}

/// Places of the columns `id` and `nickname`.
fn columns(text: &str) -> Option<[Option<usize>; 2]> {
    let mut reader = csv_reader(text);
    let header = reader.headers().ok()?;
    let place = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    let columns = [place("id"), place("nickname")];
    columns.iter().any(Option::is_some).then_some(columns)
}

/// The rows of a table: the account of a row is its id, or without one its nickname.
fn table(text: &str, columns: [Option<usize>; 2]) -> Vec<Result<Line, (u64, String)>> {
    let mut place = Place::default();
    let mut at = |position: Option<&csv::Position>| {
        let byte = position.map_or(0, csv::Position::byte);
        place.line(text, usize::try_from(byte).unwrap_or(usize::MAX))
    };
    let read = |row: Result<csv::StringRecord, csv::Error>| match row {
        Ok(row) => {
            let number = at(row.position());
            let field = |place: Option<usize>| place.and_then(|place| row.get(place));
            let named = columns.into_iter().filter_map(field).find(|text| !text.is_empty());
            Line::new(number, named.unwrap_or_default())
        }
        Err(error) => Err((at(error.position()), "it is not CSV".to_owned())),
    };
    csv_reader(text).records().map(read).collect()
}

/// Place in a text, with its line number. The reader's own line numbers do not count a line that
/// ends in CRLF until after it, nor blank lines.
#[derive(Debug, Default)]
struct Place {
    byte: usize,
    ends: u64,
}

impl Place {
    /// Number of the line that begins at a byte, or after the line ends there; bytes never go back.
    fn line(&mut self, text: &str, byte: usize) -> u64 {
        for (place, c) in text.bytes().enumerate().skip(self.byte) {
            if place >= byte && !matches!(c, b'\r' | b'\n') {
                break;
            }
            self.ends += u64::from(c == b'\n');
            self.byte = place + 1;
        }
        self.ends + 1
    }
}

fn csv_reader(text: &str) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes())
}

/// Parses a file and checks the result; for the fuzz target.
///
/// # Panics
/// If a line is out of order, or names no account.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(bytes: &[u8]) {
    match parse(bytes) {
        Ok(lines) => {
            assert!(lines.windows(2).all(|pair| pair[0].number <= pair[1].number));
            assert!(lines.iter().all(|line| Line::new(1, &line.text).is_ok()));
        }
        Err(Fault::File(reason)) => assert!(!reason.is_empty()),
        Err(Fault::Lines(bad)) => assert!(rejected("it", &bad).len() < 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(file: &str) -> Vec<(u64, String)> {
        let lines = parse(file.as_bytes()).unwrap_or_default();
        lines.into_iter().map(|line| (line.number, line.text)).collect()
    }

    #[test]
    fn lines_and_tables_are_read() {
        let id = "00000000-0000-0000-0000-000000000007";
        let expected = [(2, "alice".to_owned()), (4, "bob@far.example".to_owned())];
        assert_eq!(texts("\u{feff}# wave\nalice\r\n\n bob@far.example # two"), expected);
        for file in [
            format!("nickname,id,created\r\nalice,{id},2026-11-20\r\n"),
            format!("\u{feff}\"NICKNAME\",\"Id\"\n\"alice\",\"{id}\"\n"),
            format!("id\n{id}\n"),
        ] {
            assert_eq!(texts(&file), [(2, id.to_owned())], "{file}");
        }
        assert_eq!(texts("nickname,id\nalice,\n"), [(2, "alice".to_owned())]);
        let table = "nickname\r\n\r\nalice\r\n\r\n\r\nbob@far.example\r\n";
        assert_eq!(texts(table), [(3, "alice".to_owned()), (6, "bob@far.example".to_owned())]);
    }

    #[test]
    fn what_names_no_account_is_refused() {
        for (file, numbers) in [
            ("alice\nal ice\nbob,carol\n'x'\n", vec![2, 3, 4]),
            ("nickname,id\nalice,1\n,\n", vec![3]),
            ("https://x.example/users/a\n", vec![1]),
            ("al*\n", vec![1]),
        ] {
            let Err(Fault::Lines(bad)) = parse(file.as_bytes()) else { panic!("{file}") };
            let found: Vec<u64> = bad.into_iter().map(|(number, _)| number).collect();
            assert_eq!(found, numbers, "{file}");
        }
        for file in [&b""[..], b"\n#x\n", b"nickname\n", b"\xff\xfe"] {
            assert!(matches!(parse(file), Err(Fault::File(_))), "{file:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "(id,nickname\n)?[a-z,\"\n#]{0,40}") {
            check(&bytes);
            check(text.as_bytes());
        }
    }
}

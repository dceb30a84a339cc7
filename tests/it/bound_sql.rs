//! That no SQL is put together while the program runs. The compiler and clippy see to the Rust side
//! (sqlx takes static text only, and clippy.toml lists every way around that); here is the rest.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::source_files::each_file;

/// What executes a text as SQL within the database.
const EXECUTES_TEXT: [&str; 7] =
    ["execute ", "execute\n", "query_to_xml", "cursor_to_xml", "dblink", "do $", "format("];

/// The files that have one of them, and why each is harmless.
const KNOWN: [(&str, &str); 5] = [
    // Writes statements for a person to read, among them GRANT EXECUTE; executes nothing.
    ("jobs/src/grants/render.sql", "execute "),
    ("jobs/src/grants/render.sql", "format("),
    // Quotes names for a setting; executes nothing.
    ("crates/engine/src/connect.sql", "format("),
    // Describes objects of the catalogue; executes nothing.
    ("crates/server/src/dialect/shape/objects.sql", "format("),
    // Words an error for people.
    ("migrations/0008_incomplete.sql", "format("),
];

#[test]
fn no_statement_executes_a_text() -> Result<()> {
    let mut statements = 0;
    for folder in ["crates", "jobs/src", "migrations"] {
        each_file(folder, &mut |path, text| {
            let Some("sql") = path.rsplit('.').next() else { return Ok(()) };
            statements += 1;
            let text = text.to_lowercase();
            for way in EXECUTES_TEXT.iter().filter(|way| text.contains(**way)) {
                ensure!(KNOWN.contains(&(path, way)), "{path} has {way:?}: is that text constant?");
            }
            Ok(())
        })?;
    }
    ensure!(statements > 20, "only {statements} files were looked at");
    Ok(())
}

#[test]
fn no_exception_is_made_in_the_program() -> Result<()> {
    for folder in ["src", "crates", "jobs/src"] {
        each_file(folder, &mut |path, text| {
            for lint in ["disallowed_types", "disallowed_methods", "AssertSqlSafe"] {
                ensure!(!text.contains(lint), "{path} speaks of {lint}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Parameters in a text: `$1`; in a comment `$2 to $5` names four.
fn parameters(text: &str) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut from = None;
    for (before, after) in text.match_indices('$').map(|(at, _)| text.split_at(at)) {
        let digits: String = after[1..].chars().take_while(char::is_ascii_digit).collect();
        let Ok(number) = digits.parse() else { continue };
        if let Some(from) = from.filter(|_| before.ends_with(" to ")) {
            found.extend(from..=number);
        }
        found.insert(number);
        from = Some(number);
    }
    found
}

/// Comments of a statement, and the statement without them.
fn comments(text: &str) -> (String, String) {
    let lines = text.lines().map(|line| line.split_once("--").unwrap_or((line, "")));
    lines.map(|(code, comment)| (comment.to_owned() + "\n", code.to_owned() + "\n")).unzip()
}

/// In the comment at its head, or in that of the statement to which it refers: `As list.sql`.
#[test]
fn every_parameter_of_a_statement_is_explained() -> Result<()> {
    let mut statements = BTreeMap::new();
    for folder in ["crates", "jobs/src"] {
        each_file(folder, &mut |path, text| {
            if let Some((folder, name)) = path.rsplit_once('/')
                && name.rsplit('.').next() == Some("sql")
            {
                let (comment, code) = comments(text);
                statements.insert((folder.to_owned(), name.to_owned()), (comment, code));
            }
            Ok(())
        })?;
    }
    ensure!(statements.len() > 50, "only {} statements", statements.len());
    for ((folder, name), (comment, code)) in &statements {
        let others = statements.iter().filter(|((of, other), _)| {
            of == folder && comment.split_whitespace().any(|word| word.starts_with(other.as_str()))
        });
        let mut explained = parameters(comment);
        others.for_each(|(_, (comment, _))| explained.extend(parameters(comment)));
        let missing: Vec<_> = parameters(code).difference(&explained).copied().collect();
        ensure!(missing.is_empty(), "{folder}/{name} does not explain {missing:?}");
    }
    Ok(())
}

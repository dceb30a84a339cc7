//! That no SQL is put together while the program runs. The compiler and clippy see to the Rust side
//! (sqlx takes static text only, and clippy.toml lists every way around that); here is the rest.

use anyhow::{Result, ensure};

use crate::source_files::each_file;

/// What executes a text as SQL within the database.
const EXECUTES_TEXT: [&str; 7] =
    ["execute ", "execute\n", "query_to_xml", "cursor_to_xml", "dblink", "do $", "format("];

/// The files that have one of them, and why each is harmless.
const KNOWN: [(&str, &str); 4] = [
    // Writes statements for a person to read, among them GRANT EXECUTE; executes nothing.
    ("jobs/src/grants/render.sql", "execute "),
    ("jobs/src/grants/render.sql", "format("),
    // Quotes names for a setting; executes nothing.
    ("crates/engine/src/connect.sql", "format("),
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

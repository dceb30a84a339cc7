//! Tables that fit the width of the terminal.

use std::io::{self, IsTerminal as _};

use terminal_size::{Width, terminal_size_of};
use textwrap::Options;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::text::one_line;

/// Indentation of a narrow table's second line.
const INDENT: &str = "    ";

/// Formats a table with columns as wide as their texts, one line per row.
pub(in crate::cli) fn table(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column).map(|cell| cell.width()));
        cells.chain([header.get(column).map_or(0, |cell| cell.width())]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{:1$}", "", width.saturating_sub(cell.width())))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut header.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines
}

/// Row of a narrow table.
pub(in crate::cli) struct Stacked {
    /// Texts set in columns.
    pub(in crate::cli) cells: Vec<String>,
    /// Texts set below the columns, in as many lines as they need.
    pub(in crate::cli) below: String,
}

/// Formats a table. If that is too wide for the terminal, the longest texts of each row go below
/// it. The width of a file or pipe is unlimited, unless `COLUMNS` is set.
pub(in crate::cli) fn fitting(
    table: Vec<String>,
    narrow_header: &[&str],
    narrow: impl FnOnce() -> Vec<Stacked>,
) -> Vec<String> {
    match columns() {
        Some(columns) if table.iter().any(|line| line.width() > columns) => {
            stacked(narrow_header, &narrow(), columns)
        }
        _ => table,
    }
}

fn stacked(header: &[&str], rows: &[Stacked], columns: usize) -> Vec<String> {
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells.clone()).collect();
    let mut heads = table(header, &cells).into_iter().map(|line| shortened(&line, columns));
    let below = Options::new(columns).initial_indent(INDENT).subsequent_indent(INDENT);
    let mut lines: Vec<String> = heads.next().into_iter().collect();
    for (head, row) in heads.zip(rows) {
        lines.push(head);
        lines.extend(textwrap::wrap(&one_line(&row.below), &below).into_iter().map(String::from));
    }
    lines
}

/// Truncates a line and marks it as truncated.
fn shortened(line: &str, columns: usize) -> String {
    if line.width() <= columns {
        return line.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.width().unwrap_or(0));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let beginning: String = line.chars().take_while(fits).collect();
    beginning + "…"
}

/// Maximum width of a line, if there is one.
fn columns() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let of_terminal = || {
        let stdout = io::stdout();
        let size = stdout.is_terminal().then(|| terminal_size_of(&stdout))?;
        size.map(|(Width(columns), _)| usize::from(columns))
    };
    said.or_else(of_terminal).filter(|columns| *columns > INDENT.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn columns_line_up() {
        let cells = rows(&[&["a", "long cell"], &["bcd", "x"]]);
        assert_eq!(table(&["ID", "WHAT"], &cells), ["ID   WHAT", "a    long cell", "bcd  x"]);
        assert_eq!(table(&["ID"], &rows(&[&["a\nbcd  x"]])), ["ID", "a bcd  x"]);
    }

    #[test]
    fn wide_letters_take_two_places() {
        let cells = rows(&[&["日本語", "x"], &["abc", "y"], &["e\u{301}", "z"]]);
        let expected = ["ID      WHAT", "日本語  x", "abc     y", "e\u{301}       z"];
        assert_eq!(table(&["ID", "WHAT"], &cells), expected);
    }

    #[test]
    fn a_narrow_table_loses_nothing_below() {
        let rows = [Stacked {
            cells: rows(&[&["7", "日本語日本語"]]).remove(0),
            below: "one two three".into(),
        }];
        let lines = stacked(&["ID", "WHAT"], &rows, 12);
        assert_eq!(lines, ["ID  WHAT", "7   日本語…", "    one two", "    three"]);
        for columns in 5..40 {
            let lines = stacked(&["ID", "WHAT"], &rows, columns);
            assert!(lines.iter().all(|line| line.width() <= columns), "{columns}: {lines:?}");
        }
    }
}

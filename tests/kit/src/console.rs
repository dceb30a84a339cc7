//! The only file that prints.

use std::io;

/// Reports progress on standard error.
pub fn say(line: impl AsRef<str>) {
    write(&mut io::stderr().lock(), line.as_ref());
}

/// Prints a line of the result to standard output.
pub fn show(line: impl AsRef<str>) {
    write(&mut io::stdout().lock(), line.as_ref());
}

fn write(stream: &mut impl io::Write, line: &str) {
    // A closed stream is no reason to stop.
    let _gone = writeln!(stream, "{line}");
}

/// Prints a table: the first column left-aligned, the others, which are numbers, right-aligned.
pub fn show_table(header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|cell| cell.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    show(format!("  {}", line(&mut header.iter().copied())));
    for row in rows {
        show(format!("  {}", line(&mut row.iter().map(String::as_str))));
    }
}

/// Formats a number with a comma every three digits.
pub fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let grouped: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    format!("{}{}", if number < 0 { "-" } else { "" }, grouped.join(","))
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_are_grouped_by_three() {
        let texts = [0, 7, 999, 1_000, 1_234_567, -12_345].map(thousands);
        assert_eq!(texts, ["0", "7", "999", "1,000", "1,234,567", "-12,345"]);
    }
}

//! The only file that prints.

use std::io::{self, Write as _};

/// Says what is being done, on the standard error.
pub(crate) fn say(line: impl AsRef<str>) {
    // A reader that has gone away is no reason to stop.
    let _gone = writeln!(io::stderr().lock(), "{}", line.as_ref());
}

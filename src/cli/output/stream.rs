//! The two streams: a write that fails is remembered, and no line runs through a progress bar.

use std::{
    io::{self, Write},
    sync::{Mutex, OnceLock, PoisonError},
};

use indicatif::ProgressBar;

use super::text::visible;

/// The first write to the standard output that failed.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// The progress bar on the standard error, while there is one.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Writes a text to the standard output. After a failure nothing more is written: what was printed
/// must be a beginning, not a selection.
pub(super) fn write_stdout(text: &str) {
    if is_lost() {
        return;
    }
    beside_bar(|| {
        let mut stdout = io::stdout().lock();
        // Each time: what waits in a buffer cannot fail.
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            lose(error);
        }
    });
}

/// Notes that a part of the result cannot be printed.
pub(super) fn lose(error: io::Error) {
    // Only the first one is of interest.
    let _later = LOST.set(error);
}

/// Whether something printed before has not arrived.
pub(super) fn is_lost() -> bool {
    LOST.get().is_some()
}

/// Why not everything has arrived. A reader that has gone away (`| head`) is `None` as well: it has
/// what it wanted.
pub(super) fn why_lost() -> Option<&'static io::Error> {
    LOST.get().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}

/// The same, where also a reader that has gone away was to have it.
pub(super) fn why_not_delivered() -> Option<&'static io::Error> {
    LOST.get()
}

/// Writes a text to the standard error. There is nobody to tell when that fails.
pub(super) fn write_stderr(text: &str) {
    beside_bar(|| {
        let mut stderr = io::stderr().lock();
        let _gone = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    });
}

/// Lets lines be written above a progress bar, until it is [taken away](take_bar_away).
pub(super) fn show_bar(bar: ProgressBar) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
}

/// Clears the bar, so that what is printed next does not stand behind it.
pub(super) fn take_bar_away() {
    if let Some(bar) = BAR.lock().unwrap_or_else(PoisonError::into_inner).take() {
        bar.finish_and_clear();
    }
}

fn beside_bar(write: impl FnOnce()) {
    match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// The standard error, for the log. It comes in whole lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogStream;

impl Write for LogStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_stderr(&visible(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

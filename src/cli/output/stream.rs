//! Standard output and standard error: failed writes are remembered, and no line overlaps a
//! progress bar.

use std::{
    io::{self, Write},
    sync::{Mutex, OnceLock, PoisonError},
};

use indicatif::ProgressBar;

use super::text::visible;

/// First error from writing to standard output.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Progress bar on standard error, while there is one.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Writes text to standard output. Writes nothing after a failure: the output must be a prefix of
/// the result, without gaps.
pub(super) fn write_stdout(text: &str) {
    if is_lost() {
        return;
    }
    beside_bar(|| {
        let mut stdout = io::stdout().lock();
        // Flushed each time: buffered text would hide a failure.
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            lose(error);
        }
    });
}

/// Records that part of the result could not be printed.
pub(super) fn lose(error: io::Error) {
    // Only the first error matters.
    let _later = LOST.set(error);
}

/// Whether earlier output was lost.
pub(super) fn is_lost() -> bool {
    LOST.get().is_some()
}

/// Reason why output was lost. `None` also for a reader that closed the pipe (`| head`): it has
/// what it wanted.
pub(super) fn why_lost() -> Option<&'static io::Error> {
    LOST.get().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}

/// Reason why output was lost, a closed pipe included: for output that must be delivered.
pub(super) fn why_not_delivered() -> Option<&'static io::Error> {
    LOST.get()
}

/// Writes text to standard error. Ignores a failure, which could not be reported anywhere.
pub(super) fn write_stderr(text: &str) {
    beside_bar(|| {
        let mut stderr = io::stderr().lock();
        let _gone = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    });
}

/// Registers a progress bar, so that lines are printed above it until it is
/// [removed](take_bar_away).
pub(super) fn show_bar(bar: ProgressBar) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
}

/// Removes the progress bar, so that later output does not follow it on its line.
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

/// Writer to standard error for the log, which writes whole lines.
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

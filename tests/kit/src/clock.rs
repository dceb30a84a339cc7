//! A clock for processes that a test can set forward and back.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// The time of day as some processes see it, faked by libfaketime. The library is found through its
/// program `faketime`. Monotonic clocks are not affected: no system lets those jump.
#[derive(Debug)]
pub struct Clock {
    file: PathBuf,
    library: String,
    _folder: TempDir,
}

impl Clock {
    /// Starts a clock that is ahead by an offset such as `+1h`, or behind by one such as `-90m`.
    pub fn set_by(offset: &str) -> Result<Self> {
        // The program knows where its library is.
        let asked = Command::new("faketime")
            .args(["-m", "-f", "+0", "sh", "-c", r#"printf %s "$LD_PRELOAD""#])
            .output()
            .context("`faketime` cannot be run")?;
        let library = String::from_utf8(asked.stdout)?;
        ensure!(asked.status.success() && library.contains("faketime"), "{library:?}");
        let folder = tempfile::tempdir()?;
        let clock = Self { file: folder.path().join("clock"), library, _folder: folder };
        clock.set(offset)?;
        Ok(clock)
    }

    /// Sets the offset, also for processes that already use the clock.
    pub fn set(&self, offset: &str) -> Result<()> {
        // Replaced atomically: the library may read the file at any time.
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, offset)?;
        Ok(fs::rename(fresh, &self.file)?)
    }

    /// Environment variables of a process that uses this clock.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.clone()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

//! A clock for processes, which can be put forward and back.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// The time of day as some processes see it; through libfaketime, which is found by its program
/// `faketime`. Their monotonic clocks go on as ever: no system lets those jump.
#[derive(Debug)]
pub struct Clock {
    file: PathBuf,
    library: String,
    _folder: TempDir,
}

impl Clock {
    /// Makes a clock that is ahead by an offset such as `+1h`, or behind by one such as `-90m`.
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

    /// Has it jump, for the processes that look at it already.
    pub fn set(&self, offset: &str) -> Result<()> {
        // Put in place whole: the library reads it at any time.
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, offset)?;
        Ok(fs::rename(fresh, &self.file)?)
    }

    /// The environment of a process that looks at this clock.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.clone()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

mod keys;
mod layers;
mod messages;

use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use tempfile::TempDir;

use super::{Loaded, Overrides, SettingsError, Surroundings, load};

/// Machine with its own config file and environment; the process's own are never read.
struct Machine {
    folder: TempDir,
    environment: Vec<(OsString, OsString)>,
    overrides: Overrides,
}

impl Machine {
    fn new() -> Self {
        let folder =
            TempDir::new().unwrap_or_else(|error| panic!("a folder for the test: {error}"));
        Self { folder, environment: Vec::new(), overrides: Overrides::default() }
    }

    /// Default path of the config file.
    fn usual_file(&self) -> PathBuf {
        self.folder.path().join("ostrakon.toml")
    }

    fn file(self, text: &str) -> Self {
        self.file_with_mode(text, 0o640)
    }

    fn file_with_mode(self, text: &str, mode: u32) -> Self {
        fs::write(self.usual_file(), text)
            .and_then(|()| fs::set_permissions(self.usual_file(), fs::Permissions::from_mode(mode)))
            .unwrap_or_else(|error| panic!("the config file of the test: {error}"));
        self
    }

    fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn flags(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    fn load(&self) -> Result<Loaded, SettingsError> {
        let environment = self.environment.iter().cloned().collect();
        let surroundings = Surroundings { environment, usual_file: self.usual_file() };
        load::load(&self.overrides, &surroundings)
    }

    fn loaded(&self) -> Loaded {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Text of the error, with the test's folder written as `DIR`.
    fn error(&self) -> String {
        match self.load() {
            Ok(loaded) => panic!("these settings should be refused: {loaded:?}"),
            Err(error) => self.redacted(&error),
        }
    }

    fn redacted(&self, text: &impl ToString) -> String {
        text.to_string().replace(&self.folder.path().display().to_string(), "DIR")
    }
}

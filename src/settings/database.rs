//! `[database]`: the server's database.

use std::time::Duration;

use serde::Deserialize;

use super::{
    conninfo::Conninfo,
    error::SettingsError,
    key::{Accepts, Key},
    secret::SecretUrl,
};

pub(super) const KEYS: &[Key] = &[
    Key::new("database.url", Accepts::Database).alias("DATABASE_URL"),
    Key::new("database.connect_timeout", Accepts::Span(100, 300_000)),
];

/// The server's database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseSettings {
    url: Option<SecretUrl>,
    /// Time limit for a connection.
    #[serde(with = "humantime_serde")]
    pub(crate) connect_timeout: Duration,
}

impl DatabaseSettings {
    /// URL of the database.
    ///
    /// # Errors
    /// [`SettingsError::NoDatabase`] if it is set nowhere.
    pub(crate) fn url(&self) -> Result<&SecretUrl, SettingsError> {
        self.url.as_ref().ok_or(SettingsError::NoDatabase)
    }

    /// Parses the database's URL, completed by the environment variables that libpq reads too.
    ///
    /// # Errors
    /// [`SettingsError::NoDatabase`] if it is set nowhere; [`SettingsError::Database`] if one of
    /// those variables is invalid.
    pub(crate) fn conninfo(&self) -> Result<Conninfo, SettingsError> {
        let variable = |name: &str| std::env::var(name).ok();
        Conninfo::read(self.url()?.expose(), variable).map_err(SettingsError::Database)
    }
}

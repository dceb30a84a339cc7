//! `[database]`: the server's database.

use std::time::Duration;

use serde::Deserialize;

use super::{
    conninfo::Conninfo,
    duration,
    error::SettingsError,
    key::{Accepts, Key},
    secret::SecretUrl,
};

pub(super) const KEYS: &[Key] = &[
    Key::new("database.url", Accepts::Database).alias("DATABASE_URL"),
    Key::new("database.pool_size", Accepts::Count(1, 500)),
    Key::new("database.connect_timeout", Accepts::Span(100, 300_000)),
];

/// The server's database and how many connections may be held to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseSettings {
    url: Option<SecretUrl>,
    /// Most connections of one process.
    pub(crate) pool_size: u32,
    /// How long to wait for a connection.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) connect_timeout: Duration,
}

impl DatabaseSettings {
    /// Gives the database's URL.
    ///
    /// # Errors
    /// [`SettingsError::NoDatabase`] when it was given nowhere.
    pub(crate) fn url(&self) -> Result<&SecretUrl, SettingsError> {
        self.url.as_ref().ok_or(SettingsError::NoDatabase)
    }

    /// Reads the database's URL, completed by the environment variables that libpq reads as well.
    ///
    /// # Errors
    /// [`SettingsError::NoDatabase`] when it was given nowhere; [`SettingsError::Database`] when one of those variables
    /// cannot be used.
    pub(crate) fn conninfo(&self) -> Result<Conninfo, SettingsError> {
        let variable = |name: &str| std::env::var(name).ok();
        Conninfo::read(self.url()?.expose(), variable).map_err(SettingsError::Database)
    }
}

//! Settings: defaults < config file < environment < command line, resolved once into [`Settings`].
//!
//! A section's file holds its struct and its list of [`Key`]s; `config/default.toml` holds the defaults and explains
//! every key. A new key is added to these three (tests fail when one is forgotten), and nowhere else: its environment
//! variable, its checks and its line in `ostrakon config show` follow from the [`Key`].
//!
//! figment merges the layers and remembers the origin of each value. Values are checked before serde sees them, so that
//! every message can name the source and what would be accepted. Only the value in force is checked: a `DATABASE_URL`
//! meant for another program does no harm when `OSTRAKON_DATABASE_URL` is set.

mod batch;
mod conninfo;
mod database;
mod duration;
mod environment;
mod error;
mod federation;
mod file;
mod hint;
mod key;
mod load;
mod log;
mod origin;
mod overrides;
mod redis;
mod secret;
mod server;
#[cfg(test)]
mod tests;
mod throttle;
mod worker;

use serde::{Deserialize, Deserializer};
use url::Url;

use self::{
    batch::BatchSettings, database::DatabaseSettings, federation::FederationSettings, key::Accepts,
    redis::RedisSettings, server::ServerSettings, throttle::ThrottleSettings,
    worker::WorkerSettings,
};
pub(crate) use self::{
    conninfo::{Conninfo, Host, PassfileEntry, Target, TlsMode},
    error::SettingsError,
    key::Key,
    load::{Loaded, Surroundings},
    log::{LogFormat, LogSettings},
    origin::Origin,
    overrides::Overrides,
};

/// The defaults, and the manual of every key.
pub(crate) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Keys outside of any section.
const TOP: &[Key] = &[Key::new("instance_url", Accepts::Site)];

/// Lists every key, in the order of `config/default.toml`.
pub(crate) fn keys() -> impl Iterator<Item = &'static Key> {
    [
        TOP,
        database::KEYS,
        redis::KEYS,
        worker::KEYS,
        batch::KEYS,
        throttle::KEYS,
        server::KEYS,
        federation::KEYS,
        log::KEYS,
    ]
    .into_iter()
    .flatten()
}

/// The settings in force, every value within its bounds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Public URL of the server, http or https; `None`: to be found in the database.
    #[serde(default, deserialize_with = "site")]
    pub(crate) instance_url: Option<Url>,
    /// The server's database.
    pub(crate) database: DatabaseSettings,
    /// What wakes the workers.
    pub(crate) redis: RedisSettings,
    /// How a worker runs its jobs.
    pub(crate) worker: WorkerSettings,
    /// How much one transaction does.
    pub(crate) batch: BatchSettings,
    /// When long runs are throttled.
    pub(crate) throttle: ThrottleSettings,
    /// The server's own switches.
    pub(crate) server: ServerSettings,
    /// How other servers are told.
    pub(crate) federation: FederationSettings,
    /// What is logged.
    pub(crate) log: LogSettings,
}

impl Settings {
    /// Resolves the settings of this process.
    ///
    /// # Errors
    /// When the config file cannot be used, or a key or value in force is not accepted.
    pub(crate) fn load(overrides: &Overrides) -> Result<Loaded, SettingsError> {
        load::load(overrides, &Surroundings::of_process())
    }

    /// Checks what only a worker needs: a connection per job and a few beside.
    ///
    /// # Errors
    /// [`SettingsError::PoolTooSmall`].
    pub(crate) fn check_worker(&self) -> Result<(), SettingsError> {
        let needed = self.worker.connections();
        if needed <= self.database.pool_size {
            return Ok(());
        }
        Err(SettingsError::PoolTooSmall {
            concurrency: self.worker.concurrency,
            short_concurrency: self.worker.short_concurrency,
            needed,
            pool_size: self.database.pool_size,
        })
    }
}

/// Reads settings from a file's text and from variables, and says what it would say of them; for
/// the fuzz target.
///
/// # Panics
/// When an accepted value has no line in `ostrakon config show`, or a password of a URL is in one.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(text: &str, variables: &[(&str, &str)]) {
    let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let path = std::path::Path::new("/etc/ostrakon/ostrakon.toml");
    let loaded = file::ConfigFile::parse(text, path, 0o644)
        .and_then(|file| load::merge(Some(file), &environment, &Overrides::default()));
    match loaded {
        Ok(loaded) => {
            let entries = loaded.entries();
            assert_eq!(entries.len(), keys().count());
            let shown = entries.iter().filter_map(|entry| entry.value.as_deref());
            assert!(
                shown
                    .into_iter()
                    .all(|value| !secret::holds_password(value) || value.contains("***"))
            );
            let _reported = format!("{:?}{:?}", loaded.settings, loaded.warnings);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn site<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Url>, D::Error> {
    Url::parse(&String::deserialize(source)?).map(Some).map_err(serde::de::Error::custom)
}

//! Settings: defaults < config file < environment < command line, resolved once into [`Settings`].
//!
//! A section's struct stands where it is used: in the engine, in the server's module, or beside its
//! list of [`Key`]s here; `config/default.toml` holds the
//! defaults and documents every key. Within the settings, a new key is added to these three and
//! nowhere else (tests fail if one is missing): its environment variable, its checks and its line
//! in `ostrakon config show` follow from the [`Key`].
//!
//! figment merges the layers and remembers the origin of each value. Values are checked before
//! serde sees them, so that every message can name the source and what would be accepted. Only the
//! value in force is checked: a `DATABASE_URL` meant for another program does no harm if
//! `OSTRAKON_DATABASE_URL` is set.

mod batch;
mod conninfo;
mod database;
mod environment;
mod error;
mod federation;
mod file;
mod guard;
mod hint;
mod key;
mod load;
mod log;
mod origin;
mod overrides;
mod queue;
mod redis;
mod registration;
mod secret;
mod server;
#[cfg(test)]
mod tests;
mod throttle;
mod worker;

use ostrakon_engine::{BatchSettings, ThrottleSettings};
use ostrakon_server::{FederationSettings, RegistrationSettings, ServerSettings};
use serde::{Deserialize, Deserializer};
use url::Url;

pub(crate) use self::{
    conninfo::{Conninfo, Host, PassfileEntry, Target, TlsMode},
    error::SettingsError,
    key::Key,
    load::{Loaded, Surroundings},
    log::{LogFormat, LogSettings},
    origin::Origin,
    overrides::Overrides,
    worker::SIDE_CONNECTIONS,
};
use self::{
    database::DatabaseSettings, key::Accepts, queue::Backend, queue::QueueSettings,
    redis::RedisSettings, worker::WorkerSettings,
};
pub(crate) use guard::GuardSettings;

/// Default values, with the documentation of every key.
pub(crate) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Keys at the top level.
const TOP: &[Key] = &[Key::new("instance_url", Accepts::Site)];

/// All keys, in the order of `config/default.toml`.
pub(crate) fn keys() -> impl Iterator<Item = &'static Key> {
    [
        TOP,
        database::KEYS,
        queue::KEYS,
        redis::KEYS,
        worker::KEYS,
        batch::KEYS,
        throttle::KEYS,
        server::KEYS,
        registration::KEYS,
        federation::KEYS,
        guard::KEYS,
        log::KEYS,
    ]
    .into_iter()
    .flatten()
}

/// Settings in force, every value within its bounds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Public URL of the server, http or https; `None` means that it is read from the database.
    #[serde(default, deserialize_with = "site")]
    pub(crate) instance_url: Option<Url>,
    /// The server's database.
    pub(crate) database: DatabaseSettings,
    /// How workers are notified.
    pub(crate) queue: QueueSettings,
    /// Redis for notifications, if they go through Redis.
    pub(crate) redis: RedisSettings,
    /// How a worker runs its jobs.
    pub(crate) worker: WorkerSettings,
    /// How much one transaction does.
    pub(crate) batch: BatchSettings,
    /// Checks that throttle long runs.
    pub(crate) throttle: ThrottleSettings,
    /// Settings copied from the server's own configuration.
    pub(crate) server: ServerSettings,
    /// The same for new accounts.
    pub(crate) registration: RegistrationSettings,
    /// How other servers are notified.
    pub(crate) federation: FederationSettings,
    /// What keeps a command from doing more than was meant.
    pub(crate) guard: GuardSettings,
    /// What is logged, and in which format.
    pub(crate) log: LogSettings,
}

impl Settings {
    /// Resolves the settings of this process.
    ///
    /// # Errors
    /// If the config file cannot be used, or a key or value in force is not accepted.
    pub(crate) fn load(overrides: &Overrides) -> Result<Loaded, SettingsError> {
        load::load(overrides, &Surroundings::of_process())
    }

    /// Redis through which workers are notified; `None` if that is done by PostgreSQL.
    pub(crate) fn notifying_redis(&self) -> Option<ostrakon_queue::RedisSettings> {
        match self.queue.backend {
            Backend::Postgres => None,
            Backend::Auto | Backend::Redis => self.redis.queue(),
        }
    }
}

/// Settings by these variables alone, for tests.
#[cfg(test)]
pub(crate) fn with_variables(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Ok(load::merge(None, &environment, &Overrides::default())?.settings)
}

/// Loads settings from a file's text and from variables, and formats them as `ostrakon config show`
/// would; for the fuzz target.
///
/// # Panics
/// If an accepted value has no line in `ostrakon config show`, or a line contains a URL's password.
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

//! Merging of the layers.

use std::path::PathBuf;

use figment::{Figment, value::Value};
use serde::Serialize;

use super::{
    DEFAULTS, Key, LogFormat, LogSettings, Origin, Overrides, Settings, SettingsError,
    environment::{CONFIG, Environment},
    error::Problem,
    file::{self, ConfigFile},
    keys,
    origin::Layer,
    queue::Backend,
    secret::mask,
};

/// Sources of the settings besides the command line.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// Environment variables.
    pub(crate) environment: Environment,
    /// Default config file, read if none is named; it need not exist.
    pub(crate) usual_file: PathBuf,
}

impl Surroundings {
    /// Sources of this process.
    pub(crate) fn of_process() -> Self {
        Self {
            environment: Environment::of_process(),
            usual_file: PathBuf::from("/etc/ostrakon/ostrakon.toml"),
        }
    }
}

/// Settings with their warnings and origins.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings in force.
    pub(crate) settings: Settings,
    /// Warnings that stop nothing; for the log or standard error.
    pub(crate) warnings: Vec<String>,
    entries: Vec<Entry>,
}

/// Key as `ostrakon config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// Section and name.
    pub(crate) key: &'static str,
    /// Value as it was written, with passwords masked; `None` if it is not set and has no default.
    pub(crate) value: Option<String>,
    /// Origin of the value; [`Origin::Default`] if it is not set.
    pub(crate) origin: Origin,
}

impl Loaded {
    /// All keys with their values and origins, in the order of `config/default.toml`. Passwords are
    /// masked.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.clone()
    }

    /// Origin of a key's value.
    pub(crate) fn origin(&self, key: &str) -> Option<&Origin> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.origin)
    }

    /// Log settings for commands other than the worker: text, and `warn` unless the level is set.
    pub(crate) fn command_log(&self) -> LogSettings {
        let given = self.origin("log.level").is_some_and(|origin| *origin != Origin::Default);
        let level = if given { self.settings.log.level.clone() } else { "warn".to_owned() };
        LogSettings { level, format: LogFormat::Text }
    }
}

/// Resolves the settings: defaults < config file < environment < command line.
pub(super) fn load(overrides: &Overrides, from: &Surroundings) -> Result<Loaded, SettingsError> {
    merge(config_file(overrides, from)?, &from.environment, overrides)
}

/// Merges the layers, whatever file they come from.
pub(super) fn merge(
    file: Option<ConfigFile>,
    environment: &Environment,
    overrides: &Overrides,
) -> Result<Loaded, SettingsError> {
    let keys: Vec<&'static Key> = keys().collect();
    let mut warnings = environment.warnings(&keys);
    let mut problems = Vec::new();
    let defaults = Layer::table(Origin::Default, file::parse(DEFAULTS, &Origin::Default)?);
    let mut merged = Figment::from(defaults);
    if let Some(mut file) = file {
        warnings.append(&mut file.warnings);
        problems.extend(file.problems(&keys));
        merged = merged.merge(Layer::table(file.origin, file.values));
    }
    let (variables, unreadable) = environment.layers(&keys);
    problems.extend(unreadable);
    for layer in variables.into_iter().chain(overrides.layers()) {
        merged = merged.merge(layer);
    }
    let entries = check(&merged, &keys, &mut problems);
    if !problems.is_empty() {
        return Err(SettingsError::Invalid(problems));
    }
    let settings: Settings =
        merged.extract().map_err(|error| SettingsError::Internal(error.to_string()))?;
    let conflicts = conflicts(&settings, &entries);
    if !conflicts.is_empty() {
        return Err(SettingsError::Invalid(conflicts));
    }
    Ok(Loaded { settings, warnings, entries })
}

fn config_file(
    overrides: &Overrides,
    from: &Surroundings,
) -> Result<Option<ConfigFile>, SettingsError> {
    if let Some(path) = &overrides.config {
        ConfigFile::read(path, "named by --config").map(Some)
    } else if let Some(path) = from.environment.get(CONFIG) {
        ConfigFile::read(path.as_ref(), "named by OSTRAKON_CONFIG").map(Some)
    } else {
        ConfigFile::read_if_exists(&from.usual_file, "the usual place")
    }
}

/// Checks the value in force of every key, and describes it.
fn check(merged: &Figment, keys: &[&'static Key], problems: &mut Vec<Problem>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for key in keys {
        let Ok(value) = merged.find_value(key.path) else {
            entries.push(Entry { key: key.path, value: None, origin: Origin::Default });
            continue;
        };
        let origin = Origin::of(merged.get_metadata(value.tag()));
        if key.accepts.check(&value) {
            entries.push(Entry { key: key.path, value: Some(show(&value)), origin });
        } else if let Some(reason) = key.accepts.fault(&value) {
            problems.push(Problem::Unusable { origin, key: key.path, reason });
        } else {
            problems.push(Problem::Value {
                origin,
                key: key.path,
                found: file::quote(&value),
                accepts: key.accepts.to_string(),
            });
        }
    }
    entries
}

/// Formats an accepted value, without its password.
fn show(value: &Value) -> String {
    if let Some(words) = value.as_array() {
        let quoted: Vec<String> = words.iter().map(file::quote).collect();
        return format!("[{}]", quoted.join(", "));
    }
    value.as_str().map_or_else(|| file::quote(value), mask)
}

/// Finds values that are valid alone but contradict each other.
fn conflicts(settings: &Settings, entries: &[Entry]) -> Vec<Problem> {
    let reported = |key: &str| {
        let entry = entries.iter().find(|entry| entry.key == key);
        entry.map_or_else(String::new, |entry| {
            format!("{} ({})", entry.value.as_deref().unwrap_or_default(), entry.origin)
        })
    };
    let conflict = |key: &'static str, bound: &str, other: &str| Problem::Conflict {
        key,
        found: reported(key),
        limit: format!("at most {bound} {other} = {}", reported(other)),
    };
    let mut problems = Vec::new();
    if settings.worker.lease_renewal > settings.worker.lease / 2 {
        problems.push(conflict("worker.lease_renewal", "half of", "worker.lease"));
    }
    if settings.queue.backend == Backend::Redis && settings.redis.url.is_none() {
        problems.push(Problem::Conflict {
            key: "queue.backend",
            found: reported("queue.backend"),
            limit: "\"auto\" or \"postgres\" while redis.url is not set".to_owned(),
        });
    }
    if settings.batch.rows_initial > settings.batch.rows_max {
        problems.push(conflict("batch.rows_initial", "as many as", "batch.rows_max"));
    }
    problems
}

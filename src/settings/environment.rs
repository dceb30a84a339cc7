//! Environment variables of ostrakon, and their values.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use super::{
    error::Problem,
    hint,
    key::Key,
    origin::{Layer, Origin},
};

/// Variable that names the config file; not a key, because the file cannot name itself.
pub(super) const CONFIG: &str = "OSTRAKON_CONFIG";

/// Prefix of our variables.
const PREFIX: &str = "OSTRAKON_";

/// Prefixes of variables that are ours but not settings.
const EXEMPT: [&str; 2] = ["OSTRAKON_TEST_", "OSTRAKON_LOG_"];

/// Environment variables, of the process or of a test.
#[derive(Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Variables of this process.
    pub(crate) fn of_process() -> Self {
        // Not `vars`: it panics if any variable is not UTF-8, even one of another program.
        std::env::vars_os().collect()
    }

    /// Value of a variable; an empty one counts as not set.
    pub(super) fn get(&self, variable: &str) -> Option<&OsStr> {
        self.0.get(variable).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Builds one layer per variable that is set, weaker names first.
    pub(super) fn layers(&self, keys: &[&'static Key]) -> (Vec<Layer>, Vec<Problem>) {
        let (mut layers, mut problems) = (Vec::new(), Vec::new());
        for key in keys {
            for variable in key.alias.map(str::to_owned).into_iter().chain([key.variable()]) {
                let Some(value) = self.get(&variable) else { continue };
                let origin = Origin::Environment(variable);
                match value.to_str() {
                    Some(text) => {
                        layers.push(Layer::value(origin, key.path, key.accepts.typed(text)));
                    }
                    None => problems.push(Problem::Value {
                        origin,
                        key: key.path,
                        found: "(not UTF-8)".to_owned(),
                        accepts: key.accepts.to_string(),
                    }),
                }
            }
        }
        (layers, problems)
    }

    /// Warns of variables that look like ours but have no meaning.
    pub(super) fn warnings(&self, keys: &[&Key]) -> Vec<String> {
        let unknown = self.0.keys().filter(|variable| {
            variable.starts_with(PREFIX)
                && *variable != CONFIG
                && !EXEMPT.iter().any(|prefix| variable.starts_with(prefix))
                && keys.iter().all(|key| key.variable() != **variable)
        });
        unknown
            .map(|variable| {
                let hint = hint::nearest_key(keys, variable.trim_start_matches(PREFIX))
                    .map(|key| format!("; did you mean {}?", key.variable()))
                    .unwrap_or_default();
                format!(
                    "the environment variable {variable} is not a setting and was ignored{hint}"
                )
            })
            .collect()
    }
}

impl FromIterator<(OsString, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(variables: I) -> Self {
        let readable =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self(variables.into_iter().filter_map(readable).collect())
    }
}

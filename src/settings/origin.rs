//! Origins of values, and the figment layer that records them.

use std::{fmt, path::PathBuf};

use figment::{
    Error, Metadata, Profile, Provider, Source,
    value::{Dict, Map, Value},
};

/// Origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Built-in defaults.
    Default,
    /// Config file at this path.
    File(PathBuf),
    /// Environment variable of this name.
    Environment(String),
    /// Command line.
    Flag,
}

impl Origin {
    /// Reads back what [`Layer`] passed to figment.
    pub(super) fn of(metadata: Option<&Metadata>) -> Self {
        match metadata.and_then(|metadata| metadata.source.as_ref()) {
            Some(Source::File(path)) => Self::File(path.clone()),
            Some(Source::Custom(variable)) => Self::Environment(variable.clone()),
            _ if metadata.is_some_and(|metadata| metadata.name == FLAG) => Self::Flag,
            _ => Self::Default,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag => f.write_str(FLAG),
        }
    }
}

impl serde::Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        target.collect_str(self)
    }
}

const FLAG: &str = "flag";

/// Values of one origin, for figment to merge.
#[derive(Debug)]
pub(super) struct Layer {
    origin: Origin,
    values: Dict,
}

impl Layer {
    /// Builds a layer from a whole table.
    pub(super) fn table(origin: Origin, values: Dict) -> Self {
        Self { origin, values }
    }

    /// Builds a layer with a single value, at `section.name` or `name`.
    pub(super) fn value(origin: Origin, path: &str, value: Value) -> Self {
        let values = match path.split_once('.') {
            Some((section, name)) => {
                Dict::from([(section.to_owned(), Dict::from([(name.to_owned(), value)]).into())])
            }
            None => Dict::from([(path.to_owned(), value)]),
        };
        Self { origin, values }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.origin {
            Origin::Default => Metadata::named("default"),
            Origin::File(path) => Metadata::from("file", Source::File(path.clone())),
            Origin::Environment(variable) => {
                Metadata::from("environment", Source::Custom(variable.clone()))
            }
            Origin::Flag => Metadata::named(FLAG),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

//! Keys: their names, their environment variables, and what they accept.

use std::{fmt, time::Duration};

use figment::value::Value;
use ostrakon_engine::Window;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{conninfo::Conninfo, redis};

/// Key of the settings.
#[derive(Debug)]
pub(crate) struct Key {
    /// Section and name separated by a dot, such as `worker.lease`; the name alone at the top
    /// level.
    pub(crate) path: &'static str,
    /// Weaker environment variable, with a name that other programs use too.
    pub(crate) alias: Option<&'static str>,
    /// Accepted values.
    pub(crate) accepts: Accepts,
}

impl Key {
    pub(super) const fn new(path: &'static str, accepts: Accepts) -> Self {
        Self { path, alias: None, accepts }
    }

    pub(super) const fn alias(mut self, variable: &'static str) -> Self {
        self.alias = Some(variable);
        self
    }

    /// Name of the key's environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("OSTRAKON_{}", self.path.replace('.', "_").to_ascii_uppercase())
    }
}

/// Accepted values of a key; `Display` describes them in messages ("give …").
#[derive(Debug)]
pub(crate) enum Accepts {
    /// Whole number within these bounds.
    Count(u32, u32),
    /// Duration within these bounds, in milliseconds.
    Span(u64, u64),
    /// `true` or `false`.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Connection string of PostgreSQL.
    Database,
    /// Connection URL of Redis.
    Redis,
    /// Public URL of a server, without a path.
    Site,
    /// Name that is safe as part of a Redis key.
    Name,
    /// Log level or filter.
    Filter,
    /// One line of text.
    Text,
    /// Absolute path.
    Path,
    /// Part of the day.
    Window,
    /// List of words.
    Words,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const NAME_MAX: usize = 64;
const TEXT_MAX: usize = 255;

impl Accepts {
    /// Typed value of a text from the environment. Text of the wrong type stays text, so that
    /// [`Accepts::check`] refuses it with its source.
    pub(super) fn typed(&self, text: &str) -> Value {
        match self {
            // Signed, as in the file: figment distinguishes the two.
            Self::Count(..) => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
            Self::Flag => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Value::from(true),
                "false" | "0" | "no" => Value::from(false),
                _ => Value::from(text),
            },
            Self::Words => Value::from(
                text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect::<Vec<_>>(),
            ),
            _ => Value::from(text),
        }
    }

    /// Reason why a value is not accepted, for keys whose values are too long for "give …" or too
    /// secret to quote.
    pub(super) fn fault(&self, value: &Value) -> Option<String> {
        let text = value.as_str()?;
        match self {
            Self::Database => Conninfo::read(text, |_variable| None).err(),
            Self::Redis => redis::fault(text),
            _ => None,
        }
    }

    /// Whether the value is accepted.
    pub(super) fn check(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Count(min, max) => value
                .to_i128()
                .is_some_and(|number| (i128::from(*min)..=i128::from(*max)).contains(&number)),
            Self::Span(min, max) => {
                text.and_then(|text| humantime::parse_duration(text).ok()).is_some_and(|duration| {
                    (Duration::from_millis(*min)..=Duration::from_millis(*max)).contains(&duration)
                })
            }
            Self::Flag => value.to_bool().is_some(),
            Self::OneOf(words) => text.is_some_and(|text| words.contains(&text)),
            Self::Database | Self::Redis => text.is_some() && self.fault(value).is_none(),
            Self::Site => text.is_some_and(is_site),
            Self::Name => text.is_some_and(is_name),
            Self::Filter => text.is_some_and(is_filter),
            Self::Text => text.is_some_and(is_line),
            Self::Path => text.is_some_and(|text| is_line(text) && text.starts_with('/')),
            Self::Window => text.is_some_and(|text| text.parse::<Window>().is_ok()),
            Self::Words => value
                .as_array()
                .is_some_and(|words| words.iter().all(|word| word.as_str().is_some_and(is_word))),
        }
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(min, max) => write!(f, "a whole number from {min} to {max}"),
            Self::Span(min, max) => write!(
                f,
                "a duration from {} to {}, such as \"200ms\", \"15s\" or \"5m\"",
                humantime::format_duration(Duration::from_millis(*min)),
                humantime::format_duration(Duration::from_millis(*max)),
            ),
            Self::Flag => f.write_str("true or false (in the environment also 1, 0, yes, no)"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::Database | Self::Redis => f.write_str("a URL as text"),
            Self::Site => f.write_str(
                "the public http or https URL without path or user, such as \"https://social.example\"",
            ),
            Self::Name => {
                write!(f, "1 to {NAME_MAX} letters, digits, \"_\", \"-\", \".\" or \":\"")
            }
            Self::Filter => write!(
                f,
                "one of {}, or a filter by target such as \"info,sqlx=warn\"",
                LEVELS.join(", "),
            ),
            Self::Text => write!(f, "1 to {TEXT_MAX} characters on one line"),
            Self::Path => f.write_str("a path that begins with \"/\""),
            Self::Window => f.write_str(
                "two different times of day, such as \"01:00-06:00\" or over midnight \"22:30-05:00\"",
            ),
            Self::Words => f.write_str(
                "a list of words, such as [\"alice\", \"bob\"] (in the environment: alice,bob)",
            ),
        }
    }
}

fn is_site(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
}

fn is_line(text: &str) -> bool {
    (1..=TEXT_MAX).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        && !text.trim().is_empty()
}

fn is_word(text: &str) -> bool {
    is_line(text) && !text.contains([',', ' '])
}

fn is_filter(text: &str) -> bool {
    // `EnvFilter` takes a mistyped level ("inof") for the name of a target, and then logs nothing
    // else.
    let known = text.split(',').all(|directive| {
        directive.contains(['=', '['])
            || LEVELS.iter().any(|level| directive.trim().eq_ignore_ascii_case(level))
    });
    known && EnvFilter::builder().parse(text).is_ok()
}

//! `default.toml`, the list of keys and the typed structs say the same.

use std::collections::BTreeSet;

use figment::value::Dict;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};

use super::{
    super::{load::Entry, *},
    Machine,
};

/// Names of a struct's fields.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<T: Deserialize<'static>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    assert!(T::deserialize(Fields(&mut names)).is_err());
    names
}

fn fields_in<T: Deserialize<'static>>(section: &str) -> Vec<String> {
    fields::<T>().iter().map(|name| format!("{section}.{name}")).collect()
}

fn paths() -> Vec<String> {
    keys().map(|key| key.path.to_owned()).collect()
}

/// `default.toml` with the keys without a default enabled.
fn manual() -> String {
    let switched_on = DEFAULTS.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => key,
        _ => line,
    });
    switched_on.collect::<Vec<_>>().join("\n")
}

/// Keys of a table, in no particular order.
fn paths_of(table: &Dict) -> BTreeSet<String> {
    let paths = table.iter().flat_map(|(name, value)| match value.as_dict() {
        Some(section) => section.keys().map(|key| format!("{name}.{key}")).collect(),
        None => vec![name.clone()],
    });
    paths.collect()
}

#[test]
fn every_key_has_a_field_and_every_field_a_key() {
    let mut expected = vec!["instance_url".to_owned()];
    expected.extend(fields_in::<DatabaseSettings>("database"));
    expected.extend(fields_in::<QueueSettings>("queue"));
    expected.extend(fields_in::<RedisSettings>("redis"));
    expected.extend(fields_in::<WorkerSettings>("worker"));
    expected.extend(fields_in::<BatchSettings>("batch"));
    expected.extend(fields_in::<ThrottleSettings>("throttle"));
    expected.extend(fields_in::<ServerSettings>("server"));
    expected.extend(fields_in::<RegistrationSettings>("registration"));
    expected.extend(fields_in::<FederationSettings>("federation"));
    expected.extend(fields_in::<GuardSettings>("guard"));
    expected.extend(fields_in::<LogSettings>("log"));
    assert_eq!(paths(), expected);
    assert_eq!(
        fields::<Settings>(),
        [
            "instance_url",
            "database",
            "queue",
            "redis",
            "worker",
            "batch",
            "throttle",
            "server",
            "registration",
            "federation",
            "guard",
            "log"
        ]
    );
}

#[test]
fn every_key_stands_in_the_manual_in_this_order_and_nothing_else() {
    let table = toml::from_str::<Dict>(&manual()).map(|table| paths_of(&table));
    assert_eq!(table, Ok(paths().into_iter().collect()));
    let lines = DEFAULTS.lines().map(|line| line.trim_start_matches('#'));
    let names: Vec<_> = lines
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        .collect();
    let expected: Vec<_> =
        keys().map(|key| key.path.rsplit('.').next().unwrap_or_default()).collect();
    assert_eq!(names, expected);
}

/// Comment above a key in `default.toml`, as one line; empty if there is no such key.
fn comment_of(path: &str) -> String {
    let (section, name) = path.split_once('.').unwrap_or(("", path));
    let lines: Vec<_> = DEFAULTS.lines().collect();
    let begin = lines.iter().position(|line| *line == format!("[{section}]")).unwrap_or_default();
    let of_key = |line: &str| line.trim_start_matches('#').starts_with(&format!("{name} = "));
    let length = lines[begin..].iter().position(|line| of_key(line)).unwrap_or_default();
    let above = lines[..begin + length].iter().rev().map_while(|line| line.strip_prefix("# "));
    let mut above: Vec<_> = above.collect();
    above.reverse();
    above.join(" ")
}

#[test]
fn every_key_is_explained_with_its_bounds() {
    for key in keys() {
        let comment = comment_of(key.path);
        let span =
            |ms| humantime::format_duration(std::time::Duration::from_millis(ms)).to_string();
        let bounds = match key.accepts {
            Accepts::Count(min, max) => format!("{min} to {max}"),
            Accepts::Span(min, max) => format!("{} to {}", span(min), span(max)),
            Accepts::Flag => "true or false".to_owned(),
            Accepts::OneOf(words) => (*words.last().unwrap_or(&"")).to_owned(),
            Accepts::Filter => "off, error, warn, info, debug or trace".to_owned(),
            Accepts::Name => "1 to 64 letters".to_owned(),
            Accepts::Database => "postgres://".to_owned(),
            Accepts::Redis => "redis://".to_owned(),
            Accepts::Site => "http or https".to_owned(),
            Accepts::Text => "1 to 255 characters".to_owned(),
            Accepts::Words => "List of".to_owned(),
            Accepts::Path => "path".to_owned(),
            Accepts::Window => "times of day".to_owned(),
        };
        assert!(comment.contains(&bounds), "{}: no {bounds:?} in {comment:?}", key.path);
    }
}

#[test]
fn the_examples_of_the_manual_are_accepted() {
    let loaded = Machine::new().file(&manual()).loaded();
    assert_eq!(loaded.entries().iter().filter(|entry| entry.value.is_none()).count(), 0);
}

#[test]
fn the_production_example_is_accepted() {
    let text = include_str!("../../../config/production.example.toml");
    let loaded = Machine::new().file(text).loaded();
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn every_word_that_is_accepted_is_understood() {
    for key in keys() {
        if let Accepts::OneOf(words) = key.accepts {
            for word in words {
                Machine::new()
                    .variable("OSTRAKON_REDIS_URL", "redis://cache")
                    .variable(&key.variable(), word)
                    .loaded();
            }
        }
    }
}

#[test]
fn every_key_has_its_own_variable() {
    let variables: Vec<_> = keys().map(Key::variable).collect();
    assert_eq!(variables.iter().collect::<BTreeSet<_>>().len(), variables.len());
    let variables: Vec<_> = variables.iter().map(String::as_str).collect();
    insta::assert_snapshot!(variables.join("\n"), @"
    OSTRAKON_INSTANCE_URL
    OSTRAKON_DATABASE_URL
    OSTRAKON_DATABASE_CONNECT_TIMEOUT
    OSTRAKON_QUEUE_BACKEND
    OSTRAKON_REDIS_URL
    OSTRAKON_REDIS_PREFIX
    OSTRAKON_REDIS_CA_FILE
    OSTRAKON_REDIS_CERT_FILE
    OSTRAKON_REDIS_KEY_FILE
    OSTRAKON_WORKER_CONCURRENCY
    OSTRAKON_WORKER_SHORT_CONCURRENCY
    OSTRAKON_WORKER_POLL_INTERVAL
    OSTRAKON_WORKER_SHUTDOWN_TIMEOUT
    OSTRAKON_WORKER_LEASE
    OSTRAKON_WORKER_LEASE_RENEWAL
    OSTRAKON_WORKER_RECONCILE_INTERVAL
    OSTRAKON_WORKER_PROGRESS_INTERVAL
    OSTRAKON_WORKER_MAX_ATTEMPTS
    OSTRAKON_WORKER_MAX_CRASHES
    OSTRAKON_BATCH_ROWS_INITIAL
    OSTRAKON_BATCH_ROWS_MAX
    OSTRAKON_BATCH_ROWS_BUSY
    OSTRAKON_BATCH_PERCENT_BUSY
    OSTRAKON_BATCH_TARGET
    OSTRAKON_BATCH_LOCK_TIMEOUT
    OSTRAKON_BATCH_STATEMENT_TIMEOUT
    OSTRAKON_BATCH_LATE_WRITES
    OSTRAKON_THROTTLE_INTERVAL
    OSTRAKON_THROTTLE_RELEASE_AFTER
    OSTRAKON_THROTTLE_REPLICA_LAG_MIB
    OSTRAKON_THROTTLE_LOCK_WAITERS
    OSTRAKON_THROTTLE_QUEUE_DELAY
    OSTRAKON_THROTTLE_WAL_SEGMENTS
    OSTRAKON_THROTTLE_VACUUM
    OSTRAKON_THROTTLE_ACTIVE_BACKENDS
    OSTRAKON_THROTTLE_DISK_FREE_MIB
    OSTRAKON_THROTTLE_DISK_PATH
    OSTRAKON_THROTTLE_FLAG_FILE
    OSTRAKON_THROTTLE_WINDOW
    OSTRAKON_SERVER_FEDERATING
    OSTRAKON_SERVER_CLEANUP_ATTACHMENTS
    OSTRAKON_SERVER_CLEANUP_ATTACHMENTS_DELAY
    OSTRAKON_SERVER_SEARCH
    OSTRAKON_SERVER_EXTERNAL_USER_SYNCHRONIZATION
    OSTRAKON_SERVER_REFRESH
    OSTRAKON_SERVER_NAME
    OSTRAKON_SERVER_NOTIFY_EMAIL
    OSTRAKON_SERVER_PUBLISH_WAIT
    OSTRAKON_SERVER_ACCEPT_UNKNOWN
    OSTRAKON_REGISTRATION_ACCOUNT_ACTIVATION_REQUIRED
    OSTRAKON_REGISTRATION_ACCOUNT_APPROVAL_REQUIRED
    OSTRAKON_REGISTRATION_AUTOFOLLOWED_NICKNAMES
    OSTRAKON_REGISTRATION_AUTOFOLLOWING_NICKNAMES
    OSTRAKON_REGISTRATION_EXTENDED_NICKNAME_FORMAT
    OSTRAKON_REGISTRATION_RESTRICTED_NICKNAMES
    OSTRAKON_REGISTRATION_EMAIL_BLACKLIST
    OSTRAKON_REGISTRATION_USER_NAME_LENGTH
    OSTRAKON_REGISTRATION_USER_BIO_LENGTH
    OSTRAKON_FEDERATION_FANOUT
    OSTRAKON_FEDERATION_QUARANTINED_INSTANCES
    OSTRAKON_FEDERATION_REJECTED_INSTANCES
    OSTRAKON_FEDERATION_ACCEPTED_INSTANCES
    OSTRAKON_FEDERATION_REACHABILITY_TIMEOUT
    OSTRAKON_FEDERATION_PER_SECOND
    OSTRAKON_FEDERATION_MAX_WAITING
    OSTRAKON_GUARD_TYPED_ABOVE
    OSTRAKON_GUARD_MAX_SHARE_PERCENT
    OSTRAKON_GUARD_FOLLOWED_ABOVE
    OSTRAKON_LOG_LEVEL
    OSTRAKON_LOG_FORMAT
    ");
}

#[test]
fn every_variable_sets_its_key() {
    for key in keys() {
        let value = match (key.path, &key.accepts) {
            // The next two have to be consistent with another key.
            ("worker.lease_renewal", _) => "7s".to_owned(),
            ("worker.lease", _) => "11s".to_owned(),
            ("batch.rows_max", _) => "101".to_owned(),
            (_, Accepts::Count(min, _)) => min.to_string(),
            (_, Accepts::Span(min, _)) => format!("{min}ms"),
            (_, Accepts::Path) => "/elsewhere".to_owned(),
            (_, Accepts::Window) => "22:30-05:00".to_owned(),
            (_, Accepts::Flag) => "yes".to_owned(),
            (_, Accepts::OneOf(words)) => (*words.last().unwrap_or(&"")).to_owned(),
            (_, Accepts::Database) => "postgres://h/9".to_owned(),
            (_, Accepts::Redis) => "redis://h/9".to_owned(),
            (_, Accepts::Site) => "https://other.example".to_owned(),
            (_, Accepts::Name | Accepts::Filter | Accepts::Text | Accepts::Words) => {
                "trace".to_owned()
            }
        };
        let loaded = Machine::new().variable(&key.variable(), &value).loaded();
        let entry = loaded.entries().into_iter().find(|entry| entry.key == key.path);
        let shown = match &key.accepts {
            Accepts::Flag => "true".to_owned(),
            Accepts::Words => format!("[{value:?}]"),
            _ => value,
        };
        let origin = Origin::Environment(key.variable());
        assert_eq!(entry, Some(Entry { key: key.path, value: Some(shown), origin }));
        assert_eq!(loaded.warnings, Vec::<String>::new());
    }
}

//! The settings that every user begins with.

use serde::de::DeserializeOwned;

/// Reads a section of `config/default.toml`.
///
/// # Panics
/// If the section is not there, or has other keys than `T` has fields.
#[expect(clippy::expect_used, reason = "the file is part of the program that is tested")]
pub fn default_settings<T: DeserializeOwned>(section: &str) -> T {
    let defaults: toml::Table =
        toml::from_str(include_str!("../../../config/default.toml")).expect("it is TOML");
    let section = defaults.get(section).expect("the section is there").clone();
    section.try_into().expect("the section has the struct's fields")
}

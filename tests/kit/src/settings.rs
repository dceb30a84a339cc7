//! The default settings that every user starts with.

use serde::de::DeserializeOwned;

/// Reads a section of `config/default.toml`.
///
/// # Panics
/// If the section is missing, or its keys are not the fields of `T`.
#[expect(clippy::expect_used, reason = "the file is part of the program that is tested")]
pub fn default_settings<T: DeserializeOwned>(section: &str) -> T {
    let defaults: toml::Table =
        toml::from_str(include_str!("../../../config/default.toml")).expect("it is TOML");
    let section = defaults.get(section).expect("the section is there").clone();
    section.try_into().expect("the section has the struct's fields")
}

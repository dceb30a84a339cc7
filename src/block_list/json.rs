//! What the readers of JSON have in common.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::error::Category;

use super::Fault;

/// Maximum length of a parser's message, in characters: it repeats what it found.
const MESSAGE_MAX: usize = 200;

/// Parses a text as JSON of some shape, which the error names.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8], shape: &str) -> Result<T, Fault> {
    serde_json::from_slice(text).map_err(|error| {
        let message = error.to_string();
        let mut short: String = message.chars().take(MESSAGE_MAX).collect();
        if short.len() < message.len() {
            short.push('…');
        }
        Fault::File(match error.classify() {
            Category::Data => format!("is JSON, but not {shape}: {short}"),
            Category::Eof => {
                format!("is JSON that ends too early, as after a broken download: {short}")
            }
            Category::Syntax | Category::Io => format!("is not valid JSON: {short}"),
        })
    })
}

/// JSON object. A list of its values without names is none.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Named(PhantomData))
    }
}

/// Entries of a JSON object in their order. A key that occurs twice is an error: which of the two is
/// meant, nobody knows.
#[derive(Debug)]
pub(super) struct Pairs<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with hosts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut pairs, mut seen) = (Vec::new(), std::collections::HashSet::new());
                while let Some((key, value)) = map.next_entry::<String, T>()? {
                    if !seen.insert(key.clone()) {
                        return Err(de::Error::custom(format!("the key {key:?} occurs twice")));
                    }
                    pairs.push((key, value));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

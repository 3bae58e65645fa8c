//! What is found out when the server starts, unless it is set.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serializer, de};

/// The form of an `Option` whose `None` is written `"auto"`.
#[derive(Debug)]
pub struct Auto;

#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Number(u64),
    Text(String),
}

impl Auto {
    /// Writes `"auto"`, or the value as text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            None => serializer.serialize_str("auto"),
            Some(value) => serializer.collect_str(value),
        }
    }

    /// Reads `"auto"`, or the value as text or as a number.
    ///
    /// # Errors
    /// Quotes what is neither, and says why.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        let text = match Given::deserialize(deserializer)? {
            Given::Number(number) => number.to_string(),
            Given::Text(text) => text,
        };
        if text == "auto" {
            return Ok(None);
        }
        let value = text.parse().map(Some);
        value.map_err(|error| de::Error::custom(format!("`{text}` is neither `auto` nor valid: {error}")))
    }
}

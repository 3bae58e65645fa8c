//! Durations, as people write them.

use std::time::Duration;

use humantime_serde::re::humantime;
use serde::{Deserialize, Deserializer, Serializer, de};

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    humantime_serde::serialize(duration, serializer)
}

/// `M` is a month, which nobody means who writes `5M`.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let units = text.split(|character: char| character.is_ascii_digit() || character.is_whitespace());
    if units.into_iter().any(|unit| unit == "M") {
        return Err(de::Error::custom(format!("`{text}` is in months; write `m` for minutes, or `months`")));
    }
    humantime::parse_duration(&text).map_err(|error| de::Error::custom(format!("`{text}` is no duration: {error}")))
}

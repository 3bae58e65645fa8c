//! Durations, as people write them.

use std::time::Duration;

use humantime_serde::re::humantime;
use serde::{Deserialize, Deserializer, Serializer, de};

/// The form of a duration: `"1m 15s"`.
#[derive(Debug)]
pub struct Period;

impl Period {
    /// Writes `"1m 15s"`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        humantime_serde::serialize(duration, serializer)
    }

    /// Reads `"1m 15s"`. `M` is a month, which nobody means who writes `5M`, and is refused.
    ///
    /// # Errors
    /// Quotes what is no duration, and says why.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        let units = text.split(|character: char| character.is_ascii_digit() || character.is_whitespace());
        if units.into_iter().any(|unit| unit == "M") {
            return Err(de::Error::custom(format!("`{text}` is in months; write `m` for minutes, or `months`")));
        }
        humantime::parse_duration(&text).map_err(|error| de::Error::custom(format!("`{text}` is no duration: {error}")))
    }
}

/// The form of a duration that may be left out: `None` is written `"0s"`.
#[derive(Debug)]
pub struct PeriodOrNone;

impl PeriodOrNone {
    /// Writes `"0s"` for `None`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        Period::serialize(&duration.unwrap_or_default(), serializer)
    }

    /// Reads `"0s"` as `None`.
    ///
    /// # Errors
    /// Those of [`Period::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Some(Period::deserialize(deserializer)?).filter(|duration| !duration.is_zero()))
    }
}

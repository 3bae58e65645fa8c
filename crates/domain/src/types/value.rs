//! Typed values: what a property holds, a filter compares with and a cursor remembers.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;
use uuid::Uuid;

use super::number::{decimal_of_number, decimal_text, parse_number};
use super::{DataType, parse_json, temporal};

/// A value of one of the [`DataType`]s, borrowing its text where it can.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueRef<'a> {
    /// No value.
    Null,
    /// `string`.
    Text(Cow<'a, str>),
    /// `integer`.
    Integer(i64),
    /// `number`; finite.
    Number(f64),
    /// `decimal`: the digits without the point, at the scale of its type.
    Decimal(i128),
    /// `boolean`.
    Boolean(bool),
    /// `date`: days since 1970-01-01.
    Date(i32),
    /// `time`: microseconds since midnight.
    Time(i64),
    /// `datetime`: microseconds since 1970-01-01T00:00:00Z.
    Datetime(i64),
    /// `uuid`.
    Uuid(Uuid),
    /// `object` or `array`: JSON text.
    Json(Cow<'a, str>),
}

/// A value that owns its text. Never [`ValueRef::Null`] in a filter or a constraint.
pub type Value = ValueRef<'static>;

/// The text is not a value of the type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct ValueError {
    /// What would have been accepted.
    pub expected: String,
    /// Whether the text is a number that the type cannot hold.
    pub is_out_of_range: bool,
}

impl<'a> ValueRef<'a> {
    /// Parses a value from plain text, as it stands in a query string.
    ///
    /// ```
    /// use eider_domain::{DataType, ValueRef};
    ///
    /// let fare = DataType::Decimal { precision: 6, scale: 2 };
    /// let value = ValueRef::parse(fare, "12.5")?;
    /// assert_eq!(value.text(fare).as_deref(), Some("12.50"));
    /// assert!(ValueRef::parse(fare, "12.505").is_err(), "no digit is dropped");
    /// # Ok::<(), eider_domain::ValueError>(())
    /// ```
    ///
    /// # Errors
    /// [`ValueError`] says what the type accepts. `object` and `array` accept nothing: they are not compared.
    pub fn parse(data_type: DataType, text: &'a str) -> Result<Self, ValueError> {
        let parsed = match data_type {
            DataType::String => Some(Self::Text(Cow::Borrowed(text))),
            DataType::Integer => text.parse().ok().map(Self::Integer),
            DataType::Number => parse_number(text).map(Self::Number),
            DataType::Decimal { precision, scale } => decimal_of_number(text, precision, scale).map(Self::Decimal),
            DataType::Boolean => match text {
                "true" => Some(Self::Boolean(true)),
                "false" => Some(Self::Boolean(false)),
                _ => None,
            },
            DataType::Date => temporal::parse_date(text).map(Self::Date),
            DataType::Time => temporal::parse_time(text).map(Self::Time),
            DataType::Datetime => temporal::parse_datetime(text).map(Self::Datetime),
            DataType::Uuid => parse_uuid(text).map(Self::Uuid),
            DataType::Object | DataType::Array => None,
        };
        parsed.ok_or_else(|| ValueError {
            expected: accepted_text(data_type),
            is_out_of_range: is_out_of_range(data_type, text),
        })
    }

    /// The same value with its text owned.
    pub fn into_owned(self) -> Value {
        match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(Cow::Owned(text.into_owned())),
            Self::Integer(value) => ValueRef::Integer(value),
            Self::Number(value) => ValueRef::Number(value),
            Self::Decimal(value) => ValueRef::Decimal(value),
            Self::Boolean(value) => ValueRef::Boolean(value),
            Self::Date(value) => ValueRef::Date(value),
            Self::Time(value) => ValueRef::Time(value),
            Self::Datetime(value) => ValueRef::Datetime(value),
            Self::Uuid(value) => ValueRef::Uuid(value),
            Self::Json(text) => ValueRef::Json(Cow::Owned(text.into_owned())),
        }
    }

    /// The same value, borrowing this one's text.
    pub fn borrowed(&self) -> ValueRef<'_> {
        match self {
            Self::Text(text) => ValueRef::Text(Cow::Borrowed(text)),
            Self::Json(text) => ValueRef::Json(Cow::Borrowed(text)),
            Self::Null
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Decimal(_)
            | Self::Boolean(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Datetime(_)
            | Self::Uuid(_) => self.clone(),
        }
    }

    /// The value as it stands in a record that is JSON.
    pub fn to_json(&self, data_type: DataType) -> Json {
        match self {
            Self::Integer(number) => Json::from(*number),
            Self::Number(number) => Json::from(*number),
            Self::Boolean(value) => Json::from(*value),
            Self::Json(text) => parse_json(text).unwrap_or(Json::Null),
            Self::Null
            | Self::Text(_)
            | Self::Decimal(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Datetime(_)
            | Self::Uuid(_) => self.text(data_type).into(),
        }
    }

    /// Whether it is a value that its type can hold: a finite number, a date or a time that RFC 3339 can write. Columns
    /// of Arrow may hold others.
    pub fn is_in_range(&self) -> bool {
        match self {
            Self::Number(number) => number.is_finite(),
            Self::Date(days) => temporal::is_date_in_range(*days),
            Self::Time(micros) => temporal::is_time_in_range(*micros),
            Self::Datetime(micros) => temporal::is_in_range(*micros),
            Self::Null
            | Self::Text(_)
            | Self::Integer(_)
            | Self::Decimal(_)
            | Self::Boolean(_)
            | Self::Uuid(_)
            | Self::Json(_) => true,
        }
    }

    /// The value of a type at a moment, in microseconds since 1970 in UTC, or since midnight where it knows no days;
    /// `None` of a type that says nothing of time.
    pub fn of_time(data_type: DataType, micros: i64) -> Option<Value> {
        match data_type {
            DataType::Date => Some(ValueRef::Date(temporal::day_of(micros))),
            DataType::Time => Some(ValueRef::Time(micros)),
            DataType::Datetime => Some(ValueRef::Datetime(micros)),
            DataType::String
            | DataType::Integer
            | DataType::Number
            | DataType::Decimal { .. }
            | DataType::Boolean
            | DataType::Uuid
            | DataType::Object
            | DataType::Array => None,
        }
    }

    /// The nearest double of a number; `None` of what is none.
    #[expect(clippy::cast_precision_loss, reason = "it is the nearest double")]
    pub fn to_f64(&self, data_type: DataType) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Decimal(value) => Some(*value as f64 / 10_f64.powi(i32::from(scale_of(data_type)))),
            Self::Null
            | Self::Text(_)
            | Self::Boolean(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Datetime(_)
            | Self::Uuid(_)
            | Self::Json(_) => None,
        }
    }

    /// The text that [`ValueRef::parse`] reads back as this value; `None` for null.
    pub fn text(&self, data_type: DataType) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Text(text) | Self::Json(text) => text.clone().into_owned(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Decimal(value) => decimal_text(*value, scale_of(data_type)),
            Self::Boolean(value) => value.to_string(),
            Self::Date(days) => temporal::date_text(*days),
            Self::Time(micros) => temporal::time_text(*micros),
            Self::Datetime(micros) => temporal::datetime_text(*micros),
            Self::Uuid(uuid) => uuid.hyphenated().to_string(),
        })
    }

    /// Orders two values of one type: text by code point, `false` before `true`; `None` for null or different types.
    pub fn compare(&self, other: &ValueRef<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), ValueRef::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Self::Number(a), ValueRef::Number(b)) => a.partial_cmp(b),
            (Self::Decimal(a), ValueRef::Decimal(b)) => Some(a.cmp(b)),
            (Self::Boolean(a), ValueRef::Boolean(b)) => Some(a.cmp(b)),
            (Self::Date(a), ValueRef::Date(b)) => Some(a.cmp(b)),
            (Self::Integer(a), ValueRef::Integer(b))
            | (Self::Time(a), ValueRef::Time(b))
            | (Self::Datetime(a), ValueRef::Datetime(b)) => Some(a.cmp(b)),
            (Self::Uuid(a), ValueRef::Uuid(b)) => Some(a.cmp(b)),
            // Every kind by its name, so that a new one is asked for here.
            (
                Self::Null
                | Self::Text(_)
                | Self::Integer(_)
                | Self::Number(_)
                | Self::Decimal(_)
                | Self::Boolean(_)
                | Self::Date(_)
                | Self::Time(_)
                | Self::Datetime(_)
                | Self::Uuid(_)
                | Self::Json(_),
                _,
            ) => None,
        }
    }
}

fn scale_of(data_type: DataType) -> u8 {
    if let DataType::Decimal { scale, .. } = data_type { scale } else { 0 }
}

/// Whether a text may be a value of a type, as far as its form tells at a glance: what reads it takes time to say why
/// not.
pub fn is_plausible(data_type: DataType, text: &str) -> bool {
    let has = |place: usize, byte: u8| text.as_bytes().get(place) == Some(&byte);
    match data_type {
        DataType::String => true,
        DataType::Integer | DataType::Number | DataType::Decimal { .. } => {
            text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        }
        DataType::Boolean => matches!(text.len(), 4 | 5),
        DataType::Date => text.len() == 10 && has(4, b'-'),
        DataType::Time => has(2, b':'),
        DataType::Datetime => text.len() > 10 && has(4, b'-'),
        DataType::Uuid => text.len() == 36,
        DataType::Object => text.trim_start().starts_with('{'),
        DataType::Array => text.trim_start().starts_with('['),
    }
}

/// What a type accepts as text, for a person.
pub(crate) fn accepted_text(data_type: DataType) -> String {
    match data_type {
        DataType::String => "text".to_owned(),
        DataType::Integer => "a whole number from -9223372036854775808 to 9223372036854775807".to_owned(),
        DataType::Number => "a finite number".to_owned(),
        DataType::Decimal { precision, scale } => {
            format!(
                "a decimal number such as 12.50 or \"12.50\" with at most {} digits before and {scale} after the point",
                precision - scale
            )
        }
        DataType::Boolean => "true or false".to_owned(),
        DataType::Date => "a date that exists, such as 2026-01-31".to_owned(),
        DataType::Time => "a time such as 08:15:00.000000".to_owned(),
        DataType::Datetime => {
            "an RFC 3339 date-time with offset that exists and at most six decimals, such as 2026-01-31T08:15:00Z"
                .to_owned()
        }
        DataType::Uuid => "a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
        DataType::Object => "a JSON object".to_owned(),
        DataType::Array => "a JSON array".to_owned(),
    }
}

fn is_out_of_range(data_type: DataType, text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    match data_type {
        DataType::Integer => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()),
        DataType::Number => {
            digits.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok_and(f64::is_infinite)
        }
        DataType::String
        | DataType::Decimal { .. }
        | DataType::Boolean
        | DataType::Date
        | DataType::Time
        | DataType::Datetime
        | DataType::Uuid
        | DataType::Object
        | DataType::Array => false,
    }
}

/// Parses a UUID in its hyphenated form alone: no braces, no `urn:`, no bare hexadecimal.
pub(crate) fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(data_type: DataType, text: &str) -> Option<Value> {
        ValueRef::parse(data_type, text).ok().map(ValueRef::into_owned)
    }

    #[test]
    fn integers_end_at_64_bits() {
        assert_eq!(parse(DataType::Integer, "-9223372036854775808"), Some(Value::Integer(i64::MIN)));
        let refused = ValueRef::parse(DataType::Integer, "9223372036854775808").unwrap_err();
        assert!(refused.is_out_of_range);
        assert!(!ValueRef::parse(DataType::Integer, "1.5").unwrap_err().is_out_of_range);
    }

    #[test]
    fn numbers_are_finite() {
        for text in ["NaN", "inf", "infinity", "1e400", "", "--1"] {
            assert_eq!(parse(DataType::Number, text), None, "{text}");
        }
        assert_eq!(parse(DataType::Number, "-1.5e3"), Some(Value::Number(-1500.0)));
    }

    proptest! {
        #[test]
        fn the_text_of_a_value_parses_to_the_value(number: i64, double in proptest::num::f64::NORMAL, unscaled in -99_999_i128..100_000) {
            let decimal = DataType::Decimal { precision: 5, scale: 3 };
            for (data_type, value) in [
                (DataType::Integer, Value::Integer(number)),
                (DataType::Number, Value::Number(double)),
                (decimal, Value::Decimal(unscaled)),
            ] {
                let text = value.text(data_type).unwrap();
                prop_assert_eq!(parse(data_type, &text), Some(value));
            }
        }
    }
}

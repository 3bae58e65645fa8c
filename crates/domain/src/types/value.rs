//! Typed values: what a property holds, a filter compares with and a cursor remembers.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;
use uuid::Uuid;

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
    /// # Errors
    /// [`ValueError`] says what the type accepts. `object` and `array` accept nothing: they are not compared.
    pub fn parse(data_type: DataType, text: &'a str) -> Result<Self, ValueError> {
        let parsed = match data_type {
            DataType::String => Some(Self::Text(Cow::Borrowed(text))),
            DataType::Integer => text.parse().ok().map(Self::Integer),
            DataType::Number => parse_number(text).map(Self::Number),
            DataType::Decimal { precision, scale } => parse_decimal(text, precision, scale).map(Self::Decimal),
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

/// Parses a finite number; words such as `NaN` and `inf`, which Rust would accept, are refused.
fn parse_number(text: &str) -> Option<f64> {
    if !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Parses an exact decimal number into its digits at `scale`; more decimals are accepted only when zero.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || (digits.contains('.') && fraction.is_empty()) {
        return None;
    }
    let (kept, excess) = fraction.split_at_checked(fraction.len().min(usize::from(scale)))?;
    if excess.bytes().any(|b| b != b'0') {
        return None;
    }
    let mut unscaled: i128 = 0;
    let padding = std::iter::repeat_n(b'0', usize::from(scale) - kept.len());
    for byte in whole.bytes().chain(kept.bytes()).chain(padding) {
        if !byte.is_ascii_digit() {
            return None;
        }
        unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    let limit = 10_i128.checked_pow(u32::from(precision))?;
    (unscaled < limit).then_some(if is_negative { -unscaled } else { unscaled })
}

/// Farther than this no exponent moves a point between digits that a decimal can have.
const MAX_EXPONENT: i32 = 1000;

/// The digits at `scale` of a number as JSON writes it, with an exponent or without.
pub(crate) fn decimal_of_number(number: &str, precision: u8, scale: u8) -> Option<i128> {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else {
        return parse_decimal(number, precision, scale);
    };
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_matches('0');
    if significant.is_empty() {
        return parse_decimal("0", precision, scale);
    }
    // The number is 0.significant times ten to the power of `point`.
    let zeros = i32::try_from(digits.find(significant)?).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let point = i32::try_from(whole.len()).ok()?.checked_sub(zeros)?.checked_add(exponent)?;
    if point.abs() > MAX_EXPONENT || significant.len() > usize::from(precision) {
        return None;
    }
    let padding = |zeros: i32| "0".repeat(usize::try_from(zeros).unwrap_or_default());
    let plain = match usize::try_from(point) {
        Ok(point) if point > 0 && point < significant.len() => {
            let (whole, fraction) = significant.split_at(point);
            format!("{sign}{whole}.{fraction}")
        }
        Ok(after) if after > 0 => {
            format!("{sign}{significant}{}", "0".repeat(after - significant.len()))
        }
        _ => format!("{sign}0.{}{significant}", padding(-point)),
    };
    parse_decimal(&plain, precision, scale)
}

/// The plain decimal text of digits at a scale, for example `-0.05` for -5 at scale 2.
pub(crate) fn decimal_text(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
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

    #[test]
    fn decimals_are_exact_or_refused() {
        let money = DataType::Decimal { precision: 5, scale: 2 };
        assert_eq!(parse(money, "-0.05"), Some(Value::Decimal(-5)));
        assert_eq!(parse(money, "12"), Some(Value::Decimal(1200)));
        assert_eq!(parse(money, "12.500"), Some(Value::Decimal(1250)));
        for text in ["12.505", "1000", ".5", "5.", "1e2", "", "-", "१"] {
            assert_eq!(parse(money, text), None, "{text}");
        }
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(1200, 0), "1200");
    }

    #[test]
    fn a_number_is_a_decimal_by_its_digits() {
        for (number, expected) in [
            ("12.50", Some(12_500)),
            ("-0.001", Some(-1)),
            ("1e3", Some(1_000_000)),
            ("1.5E+2", Some(150_000)),
            ("125e-2", Some(1_250)),
            ("0.00012e1", None),
            ("0.0012e1", Some(12)),
            ("1000e-3", Some(1_000)),
            ("-0e999999999999", Some(0)),
            ("0.000", Some(0)),
            ("1e34", Some(10_i128.pow(37))),
            ("1e35", None),
            ("1e-4", None),
            ("1e999999999999", None),
            ("1e-999999999999", None),
            ("1e400", None),
            ("18446744073709551616", Some(18_446_744_073_709_551_616_000)),
        ] {
            assert_eq!(decimal_of_number(number, 38, 3), expected, "{number}");
        }
        assert_eq!(decimal_of_number(&"9".repeat(38), 38, 0), Some(10_i128.pow(38) - 1));
        assert_eq!(decimal_of_number(&format!("{}e-38", "9".repeat(39)), 38, 38), None);
    }

    proptest! {
        #[test]
        fn a_decimal_written_as_a_number_in_any_form_is_the_same_decimal(
            unscaled in -(10_i128.pow(38) - 1)..10_i128.pow(38), scale in 0_u8..=38, shift in -60_i32..60,
        ) {
            let text = decimal_text(unscaled, scale);
            prop_assert_eq!(decimal_of_number(&text, 38, scale), Some(unscaled));
            // The point moved, and back by the exponent.
            let moved = format!("{unscaled}e{}", -i32::from(scale));
            prop_assert_eq!(decimal_of_number(&moved, 38, scale), Some(unscaled));
            let zeros = "0".repeat(usize::try_from(shift.max(0)).unwrap_or_default());
            let padded = format!("{unscaled}{zeros}e{}", -i32::from(scale) - shift.max(0));
            prop_assert_eq!(decimal_of_number(&padded, 38, scale), Some(unscaled));
        }

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

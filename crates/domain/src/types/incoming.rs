//! Tokens of a document, and what each is as a value of a type.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::dialect::TOO_FINE;
use super::number::{decimal_of_number, integer_of_number};
use super::value::accepted_text;
use super::{DataType, Family, JsonKind, MAX_DECIMAL_PRECISION, Value, ValueError, ValueRef, temporal};
use crate::ViolationCode;

/// A token of a record, before it has the type of its property.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 64 bits with sign.
    Integer(i64),
    /// A whole number above `i64::MAX`.
    Unsigned(u64),
    /// Any other number.
    Number(f64),
    /// A number as it is written, where every digit counts.
    Digits(&'a str),
    /// Text.
    Text(Cow<'a, str>),
    /// A JSON object, as its text; checked by [`compacted`](crate::compacted).
    Object(Cow<'a, str>),
    /// A JSON array, as its text; checked by [`compacted`](crate::compacted).
    Array(Cow<'a, str>),
}

impl<'a> Incoming<'a> {
    /// The token of a parsed JSON value; nested JSON becomes text again.
    pub fn from_json(value: &'a Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Boolean(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Self::Integer(value),
                (None, Some(value)) => Self::Unsigned(value),
                (None, None) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(_) => Self::Array(Cow::Owned(value.to_string())),
            Json::Object(_) => Self::Object(Cow::Owned(value.to_string())),
        }
    }

    /// The token of a number as JSON writes it, without spaces, plus sign or leading zeros; `None` for any other text.
    pub fn of_number(text: &str) -> Option<Incoming<'static>> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, mut rest) = unsigned.split_at(digits(unsigned));
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let is_whole = rest.is_empty();
        if let Some(fraction) = rest.strip_prefix('.') {
            rest = fraction.split_at_checked(digits(fraction)).filter(|(digits, _)| !digits.is_empty())?.1;
        }
        if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            rest = exponent.split_at_checked(digits(exponent)).filter(|(digits, _)| !digits.is_empty())?.1;
        }
        if !rest.is_empty() {
            return None;
        }
        if is_whole && text != "-0" {
            if let Ok(value) = text.parse() {
                return Some(Incoming::Integer(value));
            }
            if let Ok(value) = text.parse() {
                return Some(Incoming::Unsigned(value));
            }
        }
        text.parse().ok().map(Incoming::Number)
    }

    /// What the token is, in JSON's terms; `integer` for a number without fraction.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) | Self::Unsigned(_) => "integer",
            Self::Number(_) | Self::Digits(_) => "number",
            Self::Text(_) => "string",
            Self::Object(_) => "object",
            Self::Array(_) => "array",
        }
    }
}

/// Why a value is refused: a code, and a sentence for a person.
pub type Refusal = (ViolationCode, String);

/// Brings a token of a document to a property's type.
///
/// # Errors
/// A code of the type's own ([`ViolationCode::TypeMismatch`], [`ViolationCode::OutOfRange`],
/// [`ViolationCode::InvalidValue`]) with a sentence for a person.
pub(crate) fn typed(data_type: DataType, token: Incoming<'_>) -> Result<ValueRef<'_>, Refusal> {
    let mismatch =
        |found: &str| (ViolationCode::TypeMismatch, format!("expected {}, found {found}", accepted_text(data_type)));
    match (data_type.json_kind(), token) {
        (_, Incoming::Null) => Ok(ValueRef::Null),
        (JsonKind::Text, Incoming::Text(text)) if data_type.family() == Family::Text => Ok(ValueRef::Text(text)),
        (JsonKind::Text, Incoming::Text(text)) => {
            let parsed = ValueRef::parse(data_type, &text).map(ValueRef::into_owned);
            parsed.map_err(|error| (ViolationCode::InvalidValue, explained(data_type, &text, &error)))
        }
        (JsonKind::Boolean, Incoming::Boolean(value)) => Ok(ValueRef::Boolean(value)),
        (JsonKind::Object, Incoming::Object(json)) | (JsonKind::Array, Incoming::Array(json)) => {
            Ok(ValueRef::Json(json))
        }
        (_, token) if data_type.family() == Family::Number => typed_number(data_type, &token),
        (_, token) => Err(mismatch(token.kind())),
    }
}

/// Brings a token to a type of numbers, exactly or as the nearest double.
fn typed_number(data_type: DataType, token: &Incoming<'_>) -> Result<Value, Refusal> {
    let mismatch = || {
        let found = token.kind();
        (ViolationCode::TypeMismatch, format!("expected {}, found {found}", accepted_text(data_type)))
    };
    let out_of_range = || (ViolationCode::OutOfRange, format!("expected {}", accepted_text(data_type)));
    let plain = |text: &str| ValueRef::parse(data_type, text).map(ValueRef::into_owned).map_err(|_| out_of_range());
    match (data_type, token) {
        (DataType::Integer, Incoming::Integer(value)) => Ok(ValueRef::Integer(*value)),
        (DataType::Integer, Incoming::Number(value)) if *value == 0.0 && value.is_sign_negative() => {
            Ok(ValueRef::Integer(0))
        }
        (DataType::Integer, Incoming::Number(value)) if value.fract() == 0.0 && value.abs() >= 9.2e18 => {
            Err(out_of_range())
        }
        (DataType::Integer, Incoming::Digits(number)) => {
            // One with a fraction is of another type; a whole one does not fit.
            let is_whole = || decimal_of_number(number, MAX_DECIMAL_PRECISION, 0).is_some() || is_huge(number);
            let refused = || if is_whole() { out_of_range() } else { mismatch() };
            integer_of_number(number).map(ValueRef::Integer).ok_or_else(refused)
        }
        #[expect(clippy::cast_precision_loss, reason = "a JSON number for a double is read as the nearest double")]
        (DataType::Number, Incoming::Integer(value)) => Ok(ValueRef::Number(*value as f64)),
        #[expect(clippy::cast_precision_loss, reason = "a JSON number for a double is read as the nearest double")]
        (DataType::Number, Incoming::Unsigned(value)) => Ok(ValueRef::Number(*value as f64)),
        (DataType::Number, Incoming::Number(value)) if value.is_finite() => Ok(ValueRef::Number(*value)),
        (DataType::Number, Incoming::Digits(number)) => match number.parse() {
            Ok(value) if f64::is_finite(value) => Ok(ValueRef::Number(value)),
            _ => Err(out_of_range()),
        },
        (DataType::Integer, Incoming::Unsigned(_)) | (DataType::Number, Incoming::Number(_)) => Err(out_of_range()),
        (DataType::Decimal { precision, scale }, Incoming::Digits(number)) => {
            decimal_of_number(number, precision, scale).map(ValueRef::Decimal).ok_or_else(out_of_range)
        }
        (_, Incoming::Integer(value)) => plain(&value.to_string()),
        (_, Incoming::Unsigned(value)) => plain(&value.to_string()),
        (_, Incoming::Digits(number)) => plain(number),
        (
            _,
            Incoming::Null
            | Incoming::Boolean(_)
            | Incoming::Number(_)
            | Incoming::Text(_)
            | Incoming::Object(_)
            | Incoming::Array(_),
        ) => Err(mismatch()),
    }
}

/// Whether a number is beyond all decimals, so that it is whole or no integer comes near.
fn is_huge(number: &str) -> bool {
    number.parse::<f64>().is_ok_and(|value| value.abs() >= 9.2e18)
}

/// What is wrong with a text, and which option of a property would take it.
fn explained(data_type: DataType, text: &str, error: &ValueError) -> String {
    let Some(parts) = data_type.time_parts().filter(|parts| parts.has_clock) else { return error.to_string() };
    let local = |cuts| if parts.has_day { temporal::parse_local(text, cuts) } else { None };
    let is_too_fine = if parts.has_day {
        local(false).is_none() && local(true).is_some()
    } else {
        temporal::parse_clock(text, true).is_some()
    };
    match local(false) {
        _ if is_too_fine => TOO_FINE.to_owned(),
        Some((_, None)) => format!("{error}; `time_zone` says in which zone times without an offset are meant"),
        _ => error.to_string(),
    }
}

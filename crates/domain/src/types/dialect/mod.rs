//! How incoming values of a property are written, where they are not written as Eider writes them.

mod pattern;
mod zone;

use std::borrow::Cow;

use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};

use self::pattern::{Misread, Moment, read_rfc3339};
use self::zone::NoInstant;
use super::incoming::{Refusal, typed};
use super::value::accepted_text;
use super::{DataType, Family, Incoming, Value, ValueRef, temporal};
use crate::ViolationCode;

pub use self::pattern::{EpochUnit, TimeFormat};
pub use self::zone::Zone;

/// Most tokens of a kind, or formats.
pub const MAX_TOKENS: usize = 32;
/// Longest token, format or name of a zone, in characters.
pub const MAX_TOKEN_CHARS: usize = 100;

/// What a value with digits beyond microseconds lacks.
pub const TOO_FINE: &str = "it has digits beyond microseconds, which would be lost; `truncate` cuts them";

/// A member of a property that says how its incoming values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum DialectOption {
    /// The zone of times without an offset.
    TimeZone,
    /// Which instant is meant by a time that clocks show twice or never.
    Ambiguous,
    /// The forms of dates and times.
    Formats,
    /// Texts that stand for null.
    NullTokens,
    /// Texts that stand for true.
    TrueTokens,
    /// Texts that stand for false.
    FalseTokens,
    /// What stands between the whole and the fraction of a number.
    DecimalSeparator,
    /// White space around a text goes.
    Trim,
    /// Digits beyond microseconds go.
    Truncate,
    /// What is no text is kept as its JSON.
    Stringify,
}

impl DialectOption {
    /// All of them, in the order in which definitions show them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name of the member.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether it has a meaning for values of a type.
    pub fn applies_to(self, data_type: DataType) -> bool {
        let parts = data_type.time_parts();
        match self {
            Self::TimeZone | Self::Ambiguous => parts.is_some_and(|parts| parts.has_day && parts.has_clock),
            Self::Formats => parts.is_some(),
            Self::Truncate => parts.is_some_and(|parts| parts.has_clock),
            Self::NullTokens | Self::Trim => data_type.family() != Family::Nested,
            Self::TrueTokens | Self::FalseTokens => data_type.family() == Family::Boolean,
            Self::DecimalSeparator => data_type.family() == Family::Number,
            Self::Stringify => data_type.family() == Family::Text,
        }
    }
}

/// Which instant is meant by a time that the clocks of a zone show twice or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Ambiguous {
    /// None: the value is refused.
    #[default]
    Refuse,
    /// Of the two instants that the offsets before and after the change lead to, the earlier.
    Earlier,
    /// The later of them.
    Later,
}

impl Ambiguous {
    /// The names of all.
    pub const NAMES: &'static [&'static str] = Self::VARIANTS;

    /// The name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What stands between the whole and the fraction of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecimalSeparator {
    /// `.`
    #[default]
    Point,
    /// `,`
    Comma,
}

/// How incoming values of one property are written. It changes how text is read, and numbers and columns of Arrow where
/// that makes sense; it changes neither records that are stored nor filters.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of a property")]
pub struct Dialect {
    /// The zone of times without an offset; without one, these are refused.
    pub time_zone: Option<Zone>,
    /// Which instant is meant by a time that the clocks of the zone show twice or never.
    pub ambiguous: Option<Ambiguous>,
    /// The forms of dates and times, tried in this order; with none, RFC 3339.
    pub formats: Vec<TimeFormat>,
    /// Texts that stand for null.
    pub null_tokens: Vec<String>,
    /// Texts that stand for true, beside `true`.
    pub true_tokens: Vec<String>,
    /// Texts that stand for false, beside `false`.
    pub false_tokens: Vec<String>,
    /// What stands between the whole and the fraction of a number.
    pub decimal_separator: Option<DecimalSeparator>,
    /// Whether white space around a text goes.
    pub trims: bool,
    /// Whether digits beyond microseconds go.
    pub truncates: bool,
    /// Whether values of JSON that are no texts are kept as the JSON that they are.
    pub stringifies: bool,
    /// The values that tokens for null would be, and stand for null too.
    nulls: Vec<Value>,
    /// Whether nothing is said but a zone, and what is cut: the one dialect that whole files of machines are written in.
    is_zone_alone: bool,
}

impl Dialect {
    /// The same dialect, ready to read values of a type.
    #[must_use]
    pub(crate) fn ready_for(mut self, data_type: DataType) -> Self {
        let read = |token: &String| self.text(data_type, Cow::Borrowed(token)).ok().map(ValueRef::into_owned);
        self.nulls = self.null_tokens.iter().filter_map(read).collect();
        self.is_zone_alone =
            self.time_zone.is_some() && self.formats.is_empty() && self.null_tokens.is_empty() && !self.trims;
        self
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether numbers are read by their digits although the type takes none: as times, or as truth values.
    pub(crate) fn needs_digits(&self) -> bool {
        !self.formats.is_empty() || !self.true_tokens.is_empty() || !self.false_tokens.is_empty()
    }

    /// A text without the white space that goes.
    pub fn trimmed<'t>(&self, text: &'t str) -> &'t str {
        if self.trims { text.trim() } else { text }
    }

    /// A value of the property's type, or null where it stands for null.
    pub fn without_nulls<'v>(&self, value: ValueRef<'v>) -> ValueRef<'v> {
        if self.nulls.contains(&value) { ValueRef::Null } else { value }
    }

    /// The instant of a time without an offset, in microseconds since 1970 as clocks show it; itself without a zone.
    ///
    /// # Errors
    /// When clocks show it twice or never, and nobody says which is meant.
    pub fn instant(&self, local: i64) -> Result<i64, Refusal> {
        let Some(zone) = &self.time_zone else { return Ok(local) };
        zone.instant(local, self.ambiguous.unwrap_or_default()).map_err(|reason| {
            let detail = match reason {
                NoInstant::Skipped => format!("clocks in {zone} never show this time; `ambiguous` says what is meant"),
                NoInstant::Repeated => {
                    format!("clocks in {zone} show this time twice; `ambiguous` says which is meant")
                }
                NoInstant::OutOfRange => "it is beyond the years 0000 to 9999".to_owned(),
            };
            (ViolationCode::InvalidValue, detail)
        })
    }

    /// Brings a token to the property's type.
    ///
    /// # Errors
    /// As [`typed`].
    pub(crate) fn read<'a>(&self, data_type: DataType, token: Incoming<'a>) -> Result<ValueRef<'a>, Refusal> {
        if let (true, Incoming::Text(text)) = (self.is_zone_alone, &token)
            && let Some(value) = self.in_zone(text)
        {
            return Ok(value);
        }
        let value = match token {
            Incoming::Text(text) => {
                let text = self.trimmed_cow(text);
                if self.null_tokens.iter().any(|token| *token == text) {
                    return Ok(ValueRef::Null);
                }
                self.text(data_type, text)?
            }
            Incoming::Integer(_) | Incoming::Unsigned(_) | Incoming::Number(_) | Incoming::Digits(_) => {
                self.number(data_type, token)?
            }
            Incoming::Null | Incoming::Boolean(_) | Incoming::Object(_) | Incoming::Array(_) => {
                typed(data_type, token)?
            }
        };
        Ok(self.without_nulls(value))
    }

    /// The instant of a text, where there is nothing to say about it.
    fn in_zone(&self, text: &str) -> Option<Value> {
        let (local, offset) = temporal::parse_local(text, self.truncates)?;
        let micros = match (offset, &self.time_zone) {
            (Some(offset), _) => local - offset,
            (None, zone) => zone.as_ref()?.shown_once(local)?,
        };
        temporal::is_in_range(micros).then_some(Value::Datetime(micros))
    }

    fn trimmed_cow<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(self.trimmed(text)),
            Cow::Owned(text) if self.trimmed(&text).len() < text.len() => Cow::Owned(self.trimmed(&text).to_owned()),
            Cow::Owned(text) => Cow::Owned(text),
        }
    }

    fn text<'t>(&self, data_type: DataType, text: Cow<'t, str>) -> Result<ValueRef<'t>, Refusal> {
        match data_type.family() {
            Family::Boolean => self.boolean(&text),
            Family::Number => self.number_text(data_type, &text),
            Family::Time => self.time(data_type, &text),
            Family::Text | Family::Identifier | Family::Nested => typed(data_type, Incoming::Text(text)),
        }
    }

    fn boolean(&self, text: &str) -> Result<Value, Refusal> {
        let is_one_of = |tokens: &[String]| tokens.iter().any(|token| token == text);
        if is_one_of(&self.true_tokens) || text.eq_ignore_ascii_case("true") {
            return Ok(Value::Boolean(true));
        }
        if is_one_of(&self.false_tokens) || text.eq_ignore_ascii_case("false") {
            return Ok(Value::Boolean(false));
        }
        let detail = "expected true or false, or one of the property's `true_tokens` and `false_tokens`".to_owned();
        Err((ViolationCode::InvalidValue, detail))
    }

    fn number_text(&self, data_type: DataType, text: &str) -> Result<Value, Refusal> {
        let is_comma = self.decimal_separator == Some(DecimalSeparator::Comma);
        let plain = if is_comma { Cow::Owned(text.replacen(',', ".", 1)) } else { Cow::Borrowed(text) };
        let invalid = || {
            let sign = if is_comma { ", with `,` as its `decimal_separator`" } else { "" };
            (ViolationCode::InvalidValue, format!("expected {}{sign}", accepted_text(data_type)))
        };
        // A point may be one between thousands: what it means is not guessed.
        if is_comma && text.contains('.') {
            return Err(invalid());
        }
        let token = match Incoming::of_number(&plain) {
            Some(Incoming::Number(_)) => Incoming::Digits(&plain),
            Some(token) => token,
            None => return ValueRef::parse(data_type, &plain).map(ValueRef::into_owned).map_err(|_| invalid()),
        };
        typed(data_type, token).map(ValueRef::into_owned)
    }

    /// A number of a document.
    fn number<'a>(&self, data_type: DataType, token: Incoming<'a>) -> Result<ValueRef<'a>, Refusal> {
        let digits = match &token {
            Incoming::Integer(value) => Cow::Owned(value.to_string()),
            Incoming::Unsigned(value) => Cow::Owned(value.to_string()),
            Incoming::Digits(digits) => Cow::Borrowed(*digits),
            Incoming::Null
            | Incoming::Boolean(_)
            | Incoming::Number(_)
            | Incoming::Text(_)
            | Incoming::Object(_)
            | Incoming::Array(_) => return typed(data_type, token),
        };
        let is_token = |tokens: &[String]| tokens.iter().any(|token| *token == digits);
        if is_token(&self.true_tokens) || is_token(&self.false_tokens) {
            return self.boolean(&digits);
        }
        if !self.formats.is_empty() {
            return self.time(data_type, &digits);
        }
        typed(data_type, token)
    }

    fn time(&self, data_type: DataType, text: &str) -> Result<Value, Refusal> {
        let Some(parts) = data_type.time_parts() else {
            return typed(data_type, Incoming::Text(text.to_owned().into()));
        };
        if self.formats.is_empty() {
            let read = read_rfc3339(text, parts, self.truncates);
            return read.map_err(|misread| self.misread(data_type, misread)).and_then(|m| self.moment(data_type, m));
        }
        let mut worst = Misread::Form;
        for format in &self.formats {
            match format.read(text, parts, self.truncates) {
                Ok(moment) => return self.moment(data_type, moment),
                Err(Misread::TooFine) => worst = Misread::TooFine,
                Err(Misread::Form) => {}
            }
        }
        Err(self.misread(data_type, worst))
    }

    fn misread(&self, data_type: DataType, misread: Misread) -> Refusal {
        let detail = match misread {
            Misread::TooFine => TOO_FINE.to_owned(),
            Misread::Form if self.formats.is_empty() => format!("expected {}", accepted_text(data_type)),
            Misread::Form => {
                let formats: Vec<String> = self.formats.iter().map(|format| format!("`{}`", format.text())).collect();
                format!("expected one of the forms {}", formats.join(", "))
            }
        };
        (ViolationCode::InvalidValue, detail)
    }

    /// The value of a type at a moment.
    fn moment(&self, data_type: DataType, moment: Moment) -> Result<Value, Refusal> {
        let is_instant = data_type.time_parts().is_some_and(|parts| parts.has_day && parts.has_clock);
        let micros = match moment.offset {
            Some(offset) => moment.local - offset,
            None if is_instant && self.time_zone.is_none() => {
                let detail = "it has no offset; `time_zone` says in which zone it is meant".to_owned();
                return Err((ViolationCode::InvalidValue, detail));
            }
            None if is_instant => self.instant(moment.local)?,
            None => moment.local,
        };
        let value = Value::of_time(data_type, micros).filter(ValueRef::is_in_range);
        let is_instant_in_range = !is_instant || temporal::is_in_range(micros);
        value.filter(|_| is_instant_in_range).ok_or_else(|| self.misread(data_type, Misread::Form))
    }
}

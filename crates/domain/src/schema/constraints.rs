//! Constraints on the values of one property, compiled once and checked for every record.

use regex::Regex;

use crate::names::abbreviate;
use crate::{CharacterSet, DataType, Value, ValueRef, ViolationCode};

/// What a value must satisfy beyond its type. All limits are inclusive.
#[derive(Debug, Clone, Default)]
pub struct Constraints {
    /// Fewest characters (Unicode scalar values) of a `string`.
    pub min_length: Option<u64>,
    /// Most characters (Unicode scalar values) of a `string`.
    pub max_length: Option<u64>,
    /// A regular expression (Rust `regex` syntax) that must match somewhere in a `string`.
    pub pattern: Option<Regex>,
    /// The characters that a `string` may have.
    pub characters: Option<CharacterSet>,
    /// The values allowed, of the property's type; empty when any is.
    pub allowed: Vec<Value>,
    /// The least value allowed, of the property's type.
    pub minimum: Option<Value>,
    /// The greatest value allowed, of the property's type.
    pub maximum: Option<Value>,
}

impl PartialEq for Constraints {
    fn eq(&self, other: &Self) -> bool {
        self.min_length == other.min_length
            && self.max_length == other.max_length
            && self.pattern.as_ref().map(Regex::as_str) == other.pattern.as_ref().map(Regex::as_str)
            && self.characters == other.characters
            && self.allowed == other.allowed
            && self.minimum == other.minimum
            && self.maximum == other.maximum
    }
}

impl Constraints {
    /// Whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks a value that already is of the property's type.
    ///
    /// # Errors
    /// The first constraint that the value breaks, with a sentence for a person.
    pub fn check(&self, data_type: DataType, value: &ValueRef<'_>) -> Result<(), (ViolationCode, String)> {
        if let ValueRef::Text(text) = value {
            self.check_text(text)?;
        }
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            return Err((
                ViolationCode::NotInEnum,
                format!("the value is not one of the {} allowed", self.allowed.len()),
            ));
        }
        if let Some(minimum) = &self.minimum
            && value.compare(minimum).is_some_and(std::cmp::Ordering::is_lt)
        {
            let limit = minimum.text(data_type).unwrap_or_default();
            return Err((ViolationCode::BelowMinimum, format!("the value is less than the minimum {limit}")));
        }
        if let Some(maximum) = &self.maximum
            && value.compare(maximum).is_some_and(std::cmp::Ordering::is_gt)
        {
            let limit = maximum.text(data_type).unwrap_or_default();
            return Err((ViolationCode::AboveMaximum, format!("the value is greater than the maximum {limit}")));
        }
        Ok(())
    }

    fn check_text(&self, text: &str) -> Result<(), (ViolationCode, String)> {
        if self.min_length.is_some() || self.max_length.is_some() {
            let chars = text.chars().count() as u64;
            if let Some(least) = self.min_length.filter(|least| chars < *least) {
                return Err((
                    ViolationCode::TooShort,
                    format!("the text has {chars} characters, the least is {least}"),
                ));
            }
            if let Some(most) = self.max_length.filter(|most| chars > *most) {
                return Err((ViolationCode::TooLong, format!("the text has {chars} characters, the most is {most}")));
            }
        }
        let other = |set: &CharacterSet| text.chars().find(|character| !set.contains(*character));
        if let Some(character) = self.characters.as_ref().and_then(other) {
            let detail = format!("the text has the character {character:?}, which is not allowed");
            return Err((ViolationCode::DisallowedCharacter, detail));
        }
        match &self.pattern {
            Some(pattern) if !pattern.is_match(text) => Err((
                ViolationCode::PatternMismatch,
                format!("the text does not match `{}`", abbreviate(pattern.as_str())),
            )),
            _ => Ok(()),
        }
    }
}

//! One thing that is wrong with a record or a schema, addressed so that its author can mend it.

mod list;
mod severity;

use std::fmt;

use serde::Serialize;

pub(crate) use list::Violations;
pub use severity::Severity;

use crate::names::abbreviate;

macro_rules! violation_codes {
    ($($variant:ident = $code:literal, $doc:literal;)*) => {
        /// The stable code of a [`Violation`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ViolationCode {
            $(#[doc = $doc] $variant,)*
        }

        impl ViolationCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it stands on the wire.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// What the code means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc,)*
                }
            }
        }
    };
}

violation_codes! {
    MalformedJson = "malformed_json", "The record is not JSON.";
    MalformedCsv = "malformed_csv", "The record is not CSV of the dialect that the call says, or not of its encoding.";
    NotAnObject = "not_an_object", "The record is JSON, but not an object.";
    RecordTooLarge = "record_too_large", "The record is longer than one record may be.";
    DuplicateKey = "duplicate_key", "The record has a key twice.";
    UnknownProperty = "unknown_property", "The schema has no property of this name.";
    ReadOnly = "read_only", "The field belongs to the server and may not be sent.";
    RequiredMissing = "required_missing", "A required property is missing or null.";
    TypeMismatch = "type_mismatch", "The value is of another type than the property.";
    OutOfRange = "out_of_range", "The number does not fit the property's type.";
    InvalidValue = "invalid_value", "The text is not a value of the property's type.";
    TooDeep = "too_deep", "Objects and arrays are nested deeper than `limits.json_depth`.";
    TooShort = "too_short", "The text has fewer characters than `min_length`.";
    TooLong = "too_long", "The text has more characters than `max_length`.";
    PatternMismatch = "pattern_mismatch", "The text does not match `pattern`.";
    DisallowedCharacter = "disallowed_character", "The text has a character that is not one of `characters`.";
    NotInEnum = "not_in_enum", "The value is not one of `enum`.";
    BelowMinimum = "below_minimum", "The value is less than `minimum`.";
    AboveMaximum = "above_maximum", "The value is greater than `maximum`.";
    DuplicateId = "duplicate_id", "Another record has this id.";
    UniqueViolation = "unique_violation", "Another record has this value of a unique property, or these of a unique key.";
    InvalidName = "invalid_name", "The text is not a name.";
    ReservedName = "reserved_name", "The name is reserved.";
    DuplicateName = "duplicate_name", "Two properties have this name.";
    UnknownKey = "unknown_key", "A schema has no such key.";
    UnknownType = "unknown_type", "There is no such type.";
    InvalidConstraint = "invalid_constraint", "The constraint does not fit the property, or contradicts another.";
    InvalidDefault = "invalid_default", "The default is not a value that the property accepts.";
    NotIndexable = "not_indexable", "A property of this type cannot be indexed or unique.";
    UnsupportedKey = "unsupported_key", "The store behind this server cannot keep values from coming twice.";
    NotWider = "not_wider", "Not every value of the property's type can be had as one of the new type.";
    ContradictoryChange = "contradictory_change", "Two parts of a change contradict each other.";
    MoreViolations = "more_violations", "There are more violations than are named.";
    WrongCount = "wrong_count", "There are too few or too many of something.";
}

impl fmt::Display for ViolationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ViolationCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One failure of a record or a schema definition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// Which record, counted from 1: the line of an NDJSON or CSV body, the place in a JSON array, or the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// JSON Pointer (RFC 6901) to the offending value; empty for the whole document.
    pub pointer: String,
    /// What is wrong.
    pub code: ViolationCode,
    /// The type that was expected, where the type is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The type that was found, where the type is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<&'static str>,
    /// A sentence for a person.
    pub detail: String,
}

impl Violation {
    /// A violation at a pointer.
    pub fn new(pointer: impl Into<String>, code: ViolationCode, detail: impl Into<String>) -> Self {
        Self { line: None, pointer: pointer.into(), code, expected: None, actual: None, detail: detail.into() }
    }

    /// The same violation, of the record at `line`.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }
}

/// Appends a reference token to a JSON Pointer, escaped as RFC 6901 asks and cut to a readable length.
pub fn pointer_to(parent: &str, token: &str) -> String {
    format!("{parent}/{}", abbreviate(token).replace('~', "~0").replace('/', "~1"))
}

//! Names of schemas, properties and columns, compared without regard to ASCII case.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest name of a schema, in characters.
pub const MAX_SCHEMA_NAME_CHARS: usize = 63;

/// Longest name of a property, in characters (Unicode scalar values).
pub const MAX_PROPERTY_NAME_CHARS: usize = 128;

/// Field names that every record has of its own.
const RESERVED_PROPERTY_NAMES: [&str; 4] = ["id", "created_at", "updated_at", "version"];

/// Names that are routes below `/schemas` and `/records`.
const RESERVED_SCHEMA_NAMES: [&str; 2] = ["bulk", "infer"];

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a name must not be empty")]
    Empty,
    /// The text is longer than a name may be.
    #[error("a name has at most {most} characters, this one has {chars}")]
    TooLong {
        /// Length of the refused text in characters.
        chars: usize,
        /// Length of the longest name.
        most: usize,
    },
    /// The text does not match `^[A-Za-z][A-Za-z0-9_]*$`, as names of schemas do.
    #[error("the name of a schema starts with a letter A-Z and goes on with letters, digits and `_`")]
    Malformed,
    /// The text has a control character (Unicode, `Cc`).
    #[error("a name has no control characters, this one has U+{:04X}", u32::from(*.0))]
    Control(char),
    /// The name belongs to the record itself or to a route.
    #[error("`{name}` is reserved")]
    Reserved {
        /// The reserved name, in lower case.
        name: &'static str,
    },
}

/// A name that stands in addresses.
fn check_schema_name(text: &str) -> Result<(), NameError> {
    check_length(text, MAX_SCHEMA_NAME_CHARS)?;
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts_with_letter || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(NameError::Malformed);
    }
    check_reserved(text, &RESERVED_SCHEMA_NAMES)
}

fn check_property_name(text: &str) -> Result<(), NameError> {
    check_column_name(text)?;
    check_reserved(text, &RESERVED_PROPERTY_NAMES)
}

/// Any text that can be shown in a line.
fn check_column_name(text: &str) -> Result<(), NameError> {
    check_length(text, MAX_PROPERTY_NAME_CHARS)?;
    text.chars().find(|c| c.is_control()).map_or(Ok(()), |control| Err(NameError::Control(control)))
}

fn check_length(text: &str, most: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let chars = text.chars().count();
    if chars > most { Err(NameError::TooLong { chars, most }) } else { Ok(()) }
}

fn check_reserved(text: &str, reserved: &[&'static str]) -> Result<(), NameError> {
    match reserved.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        Some(name) => Err(NameError::Reserved { name }),
        None => Ok(()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $type(String);

        impl $type {
            /// Parses a name.
            ///
            /// # Errors
            /// [`NameError`] names the rule that the text breaks.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The name as its author wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form under which names are compared: ASCII lower case, as the engine compares those of columns.
            pub fn key(&self) -> String {
                self.0.to_ascii_lowercase()
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $type {}

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.key().hash(state);
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                self.key().cmp(&other.key())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// The name of a schema, for example `flights`: 1 to [`MAX_SCHEMA_NAME_CHARS`] letters A-Z, digits and `_`.
    SchemaName,
    check_schema_name
);

name_type!(
    /// The name of a property, for example `dep_delay` or `名前`: any text without control characters.
    ///
    /// It has 1 to [`MAX_PROPERTY_NAME_CHARS`] characters and is kept as it is given. Canonically equivalent texts are
    /// different names.
    PropertyName,
    check_property_name
);

name_type!(
    /// The name of a column of an aggregation, for example `mean_delay`: a text as that of a property.
    ColumnName,
    check_column_name
);

impl PropertyName {
    /// The name of a field that every record has, which no property of a schema is called.
    pub(crate) fn of_record(field: &'static str) -> Self {
        Self(field.to_owned())
    }
}

impl ColumnName {
    /// The name of a column that is given none, made of that of a field: it may be longer than others.
    pub(crate) fn derived(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_regard_to_ascii_case() {
        let same = |one, other| PropertyName::parse(one).unwrap() == PropertyName::parse(other).unwrap();
        assert!(same("Carrier", "carrier") && same("Größe", "gRöße"));
        for (one, other) in [("É", "é"), ("\u{e9}", "e\u{301}"), ("ß", "ss"), ("\u{212a}", "k"), ("a", "a ")] {
            assert!(!same(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_longest_name_is_accepted_and_one_more_character_is_not() {
        assert!(SchemaName::parse(&"a".repeat(63)).is_ok());
        assert_eq!(SchemaName::parse(&"a".repeat(64)), Err(NameError::TooLong { chars: 64, most: 63 }));
        assert!(PropertyName::parse(&"🦆".repeat(128)).is_ok());
        assert_eq!(PropertyName::parse(&"🦆".repeat(129)), Err(NameError::TooLong { chars: 129, most: 128 }));
    }

    #[test]
    fn names_of_schemas_can_stand_in_addresses() {
        for text in ["\"; drop table", "1a", "_a", "a-b", "a b", "é", "🦆", "a\0", "a.b", "$error"] {
            assert_eq!(SchemaName::parse(text), Err(NameError::Malformed), "{text:?}");
        }
        assert_eq!(SchemaName::parse(""), Err(NameError::Empty));
    }

    #[test]
    fn names_of_properties_are_any_text_without_control_characters() {
        for text in
            ["dep time", "_id", "a.b", "名前", "🦆", "\"; drop table", "$sequence", " ", "-", "\u{feff}", "\u{202e}"]
        {
            assert_eq!(PropertyName::parse(text).unwrap().as_str(), text);
        }
        for control in ['\0', '\t', '\n', '\u{7f}', '\u{85}', '\u{9f}'] {
            assert_eq!(PropertyName::parse(&format!("a{control}")), Err(NameError::Control(control)));
        }
        assert_eq!(PropertyName::parse(""), Err(NameError::Empty));
        assert_eq!(NameError::Control('\n').to_string(), "a name has no control characters, this one has U+000A");
    }

    #[test]
    fn reserved_names_are_refused_in_any_case() {
        assert_eq!(PropertyName::parse("Created_At"), Err(NameError::Reserved { name: "created_at" }));
        assert_eq!(SchemaName::parse("BULK"), Err(NameError::Reserved { name: "bulk" }));
        assert!(SchemaName::parse("version").is_ok());
        assert!(PropertyName::parse("bulk").is_ok() && PropertyName::parse("id ").is_ok());
    }
}

//! Names of schemas and properties, compared without regard to ASCII case.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest name of a schema or a property, in characters.
pub const MAX_NAME_CHARS: usize = 63;

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
    /// The text is longer than [`MAX_NAME_CHARS`].
    #[error("a name has at most {MAX_NAME_CHARS} characters, this one has {chars}")]
    TooLong {
        /// Length of the refused text in characters.
        chars: usize,
    },
    /// The text does not match `^[A-Za-z][A-Za-z0-9_]*$`.
    #[error("a name starts with a letter A-Z and goes on with letters, digits and `_`")]
    Malformed,
    /// The name belongs to the record itself or to a route.
    #[error("`{name}` is reserved")]
    Reserved {
        /// The reserved name, in lower case.
        name: &'static str,
    },
}

fn check(text: &str, reserved: &[&'static str]) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let chars = text.chars().count();
    if chars > MAX_NAME_CHARS {
        return Err(NameError::TooLong { chars });
    }
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts_with_letter || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(NameError::Malformed);
    }
    match reserved.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        Some(name) => Err(NameError::Reserved { name }),
        None => Ok(()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $reserved:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $type(String);

        impl $type {
            /// Parses a name of 1 to [`MAX_NAME_CHARS`] characters.
            ///
            /// # Errors
            /// [`NameError`] names the rule that the text breaks.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check(text, &$reserved)?;
                Ok(Self(text.to_owned()))
            }

            /// The name as its author wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form under which names are compared: ASCII lower case.
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
    /// The name of a schema, for example `flights`.
    SchemaName,
    RESERVED_SCHEMA_NAMES
);

name_type!(
    /// The name of a property, for example `dep_delay`.
    PropertyName,
    RESERVED_PROPERTY_NAMES
);

name_type!(
    /// The name of a column of an aggregation, for example `mean_delay`.
    ColumnName,
    []
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_regard_to_case() {
        let (upper, lower) = (PropertyName::parse("Carrier"), PropertyName::parse("carrier"));
        assert_eq!(upper.unwrap(), lower.unwrap());
    }

    #[test]
    fn the_longest_name_is_accepted_and_one_more_character_is_not() {
        assert!(SchemaName::parse(&"a".repeat(MAX_NAME_CHARS)).is_ok());
        let refused = SchemaName::parse(&"a".repeat(MAX_NAME_CHARS + 1));
        assert_eq!(refused, Err(NameError::TooLong { chars: MAX_NAME_CHARS + 1 }));
    }

    #[test]
    fn hostile_names_are_refused() {
        for text in ["\"; drop table", "1a", "_a", "a-b", "a b", "é", "🦆", "a\0", "a.b", "$error"] {
            assert_eq!(SchemaName::parse(text), Err(NameError::Malformed), "{text:?}");
        }
        assert_eq!(SchemaName::parse(""), Err(NameError::Empty));
    }

    #[test]
    fn reserved_names_are_refused_in_any_case() {
        assert_eq!(PropertyName::parse("Created_At"), Err(NameError::Reserved { name: "created_at" }));
        assert_eq!(SchemaName::parse("BULK"), Err(NameError::Reserved { name: "bulk" }));
        assert!(SchemaName::parse("version").is_ok());
    }
}

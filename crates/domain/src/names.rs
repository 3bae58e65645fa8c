//! Names, what they may be, how they are written, and which one a misspelt one stands for.

mod name;
mod spelling;
mod suggest;

pub use name::{ColumnName, MAX_PROPERTY_NAME_CHARS, MAX_SCHEMA_NAME_CHARS, NameError, PropertyName, SchemaName};
pub use spelling::{Misquoted, leading_name, spelled};
pub use suggest::{UnknownName, nearest};

/// At most so many characters of a text that a client sent as a name has, so that a message stays a message.
pub fn abbreviate(text: &str) -> String {
    match text.char_indices().nth(MAX_PROPERTY_NAME_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

//! Names, what they may be and which one a misspelt one stands for.

mod name;
mod suggest;

pub use name::{ColumnName, MAX_NAME_CHARS, NameError, PropertyName, SchemaName};
pub use suggest::{UnknownName, nearest};

/// At most 64 characters of a text that a client sent, so that a message stays a message.
pub fn abbreviate(text: &str) -> String {
    const SHOWN: usize = 64;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

//! JSON: one array of all records.

pub(crate) mod merge;
pub(crate) mod reader;
pub(crate) mod writer;

#[cfg(test)]
mod tests;

pub(crate) use reader::number_token;
pub use reader::{read_patch, read_record};
pub use writer::{JsonForm, JsonRows, write_line};

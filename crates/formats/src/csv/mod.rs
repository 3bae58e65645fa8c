//! CSV (RFC 4180) with a header row: cut into records while it arrives, its cells typed by the schema.

mod framing;
mod reader;
pub(crate) mod writer;

pub(crate) use framing::{CsvFramer, Unclosed};
pub(crate) use reader::{Cell, Cells, CsvHeader, read_cell, read_csv_record};

#[cfg(test)]
mod tests;

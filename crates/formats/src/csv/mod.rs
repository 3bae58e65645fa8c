//! CSV (RFC 4180) with a header row, whose names say which property each cell is of.
//!
//! A cell is text and knows no type: the schema says how it is read. Two things are told apart by quotes alone: an
//! empty cell is null, `""` is empty text. That is why both directions are written here: the libraries' readers and
//! writers drop the difference.

mod framing;
mod reader;
mod sample;
#[cfg(test)]
mod tests;
mod writer;

use self::framing::CsvFramer;
use self::reader::{Cell, Cells, Misquoted, read_cell};
use self::sample::CsvSampler;
pub(crate) use self::writer::WRITER;
use crate::reader::rows::Records;
use crate::reader::{Reader, RowFormat};

/// What to say of a body without any row.
const NO_HEADER: &str = "the body is empty; expected a CSV header row";

pub(crate) const READER: Reader = Reader::Rows(&RowFormat {
    framer: |max_record_bytes| Box::new(CsvFramer::new(max_record_bytes)),
    records: Records::Headed { header: reader::behind_header, missing: NO_HEADER },
    sampler: || Box::<CsvSampler>::default(),
});

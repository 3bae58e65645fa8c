//! JSON: one array of all records.
//!
//! The reader of one record, its sample and the writer of rows are those of NDJSON too. A record is read token by token
//! straight into typed values, without a tree of objects in between; merge patches (RFC 7396) are read by the same
//! code, over the values that a record has.

mod framing;
mod merge;
mod reader;
mod sample;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use self::framing::ArrayFramer;
use self::reader::JsonParser;
pub use self::reader::{read_patch, read_record};
use self::sample::JsonSampler;
pub(crate) use self::writer::WRITER;
pub use self::writer::{JsonForm, JsonRows, write_line};
use crate::reader::rows::Records;
use crate::reader::sample::RecordSampler;
use crate::reader::{Reader, RowFormat};

pub(crate) const READER: Reader = Reader::Rows(&RowFormat {
    framer: |max_record_bytes| Box::new(ArrayFramer::new(max_record_bytes)),
    records: RECORDS,
    sampler,
});

/// Each record is an object of its own.
pub(crate) const RECORDS: Records = Records::Alone(|| Arc::new(JsonParser));

pub(crate) fn sampler() -> Box<dyn RecordSampler> {
    Box::<JsonSampler>::default()
}

//! JSON: one array of all records, objects one behind the other, or a document that holds either at a place of its own.
//!
//! The reader of one record, its sample and the writer of rows are those of NDJSON too. A record is read token by token
//! straight into typed values, without a tree of objects in between; merge patches (RFC 7396) are read by the same
//! code, over the values that a record has.

mod detect;
mod flatten;
mod framing;
mod members;
mod merge;
mod pointed;
mod reader;
mod sample;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use self::flatten::FlatParser;
use self::framing::ArrayFramer;
use self::pointed::PointedFramer;
use self::reader::JsonParser;
pub use self::reader::{read_patch, read_record};
use self::sample::JsonSampler;
pub(crate) use self::writer::WRITER;
pub use self::writer::{JsonForm, JsonRows, write_line};
use crate::options::ReadOptions;
use crate::reader::rows::Records;
use crate::reader::sample::RecordSampler;
use crate::reader::{Reader, RowFormat, SAYS_NOTHING};

pub(crate) const READER: Reader = Reader::Rows(&RowFormat {
    opening: SAYS_NOTHING,
    detect: detect::detect,
    framer: |max_record_bytes, options| match &options.records_at {
        None => Box::new(ArrayFramer::new(max_record_bytes)),
        Some(pointer) => Box::new(PointedFramer::new(max_record_bytes, pointer.clone())),
    },
    records: RECORDS,
    sampler,
});

/// Each record is an object of its own.
pub(crate) const RECORDS: Records = Records::Alone(|options| match &options.flatten {
    None => Arc::new(JsonParser),
    Some(separator) => Arc::new(FlatParser::new(separator.clone())),
});

pub(crate) fn sampler(options: &ReadOptions) -> Box<dyn RecordSampler> {
    Box::new(JsonSampler::new(options.flatten.clone()))
}

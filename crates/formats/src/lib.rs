//! Records in the formats of bodies and answers: what reads them, and what writes them.
//!
//! One folder holds what is special to one format, both ways: `ndjson`, `json`, `csv`, `arrow`, `parquet`. One row of
//! the table in `format` names it; [`Format`] is what the rest of the program asks. What formats share lies below them:
//! `reader` for reading, [`RecordWriter`] and [`TextForm`] for writing, and [`Column`] for the values of both.
//!
//! A body is read in two steps. [`RecordReader::cut`] takes blocks as they arrive, wherever they end, and hands out
//! [`Chunk`]s of whole records; [`Chunk::decode`] parses and checks a chunk on any thread. What is valid comes out as a
//! column of Arrow for each property, and what is not as a violation with its line:
//!
//! ```
//! use std::sync::Arc;
//!
//! use eider_domain::{Schema, SchemaDefinition, Timestamp};
//! use eider_formats::{Format, ReadLimits, RecordReader, Spooling};
//! use serde_json::json;
//!
//! let flights = json!({"name": "flights", "properties": [
//!     {"name": "carrier", "type": "string", "required": true},
//!     {"name": "delay", "type": "integer"}]});
//! let flights = SchemaDefinition::parse(&flights).expect("a valid definition");
//! let flights = Arc::new(Schema::new(flights, 1, Timestamp::from_micros(0)));
//!
//! let mut reader = RecordReader::new(Format::Csv, flights, ReadLimits::default(), Spooling::default());
//! let mut chunks = reader.cut(b"carrier,delay\nUA,12\nAA,la")?;
//! chunks.extend(reader.cut(b"te\n")?);
//! chunks.extend(reader.end()?);
//!
//! let mut lines = Vec::new();
//! let mut failures = Vec::new();
//! for chunk in chunks {
//!     let decoded = chunk.decode()?;
//!     lines.extend(decoded.lines);
//!     failures.extend(decoded.failures);
//! }
//! assert_eq!(lines, [2]);
//! assert_eq!((failures[0].line, failures[0].pointer.as_str()), (Some(3), "/delay"));
//! # Ok::<(), eider_formats::ReadError>(())
//! ```
//!
//! # A new format
//!
//! 1. A folder with a constant `WRITER` that makes a [`RecordWriter`], a constant `READER` that says how bodies are
//!    read, or both.
//! 2. A row in `format/mod.rs`, and a `mod` line here.
//!
//! Negotiation, content types, file names, `eider import` and metrics then know it, and the round-trip tests run over
//! it.

mod arrow;
mod column;
mod csv;
mod format;
pub mod json;
mod metadata;
mod ndjson;
pub mod options;
mod parquet;
mod reader;
#[cfg(test)]
mod test_support;
mod writer;

pub use column::{Column, TextForm, column_of, columns_of, types_of, value_at};
pub use csv::csv_dialect;
pub use format::{Format, MediaType, RecordReader, Sample, UuidForm};
pub use metadata::{SCHEMA_KEY, with_schema};
pub use options::{OptionError, ReadOptions};
pub use reader::rows::{BYTE_ORDER_MARK, RecordBuilder, too_large};
pub use reader::{CheckedRows, Chunk, DecodedChunk, MemoryBudget, ReadError, ReadLimits, Spooling, sample};
pub use writer::RecordWriter;

//! The formats, and what reads a body of each.

mod foreign;
mod reader;
mod sample;

use arrow_schema::{ArrowError, SchemaRef};

pub use self::reader::RecordReader;
pub use self::sample::Sample;
use crate::arrow::writer::ArrowStreamWriter;
use crate::csv::writer::CsvWriter;
use crate::json::writer::JsonWriter;
use crate::ndjson::writer::NdjsonWriter;
use crate::parquet::writer::ParquetWriter;
use crate::writer::RecordWriter;

/// How a body holds its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON array of objects.
    JsonArray,
    /// One JSON object per line; blank lines are passed over.
    Ndjson,
    /// CSV (RFC 4180) with a header row; blank lines are passed over.
    Csv,
    /// An Arrow IPC stream.
    ArrowStream,
    /// A Parquet file.
    Parquet,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::JsonArray, Self::Ndjson, Self::Csv, Self::ArrowStream, Self::Parquet];

    /// A writer for batches with the columns of `schema`, which are of the Arrow types that
    /// [`eider_domain::DataType::arrow_type`] yields.
    ///
    /// # Errors
    /// When the format cannot hold the columns.
    pub fn writer(self, schema: &SchemaRef) -> Result<Box<dyn RecordWriter>, ArrowError> {
        Ok(match self {
            Self::Ndjson => Box::new(NdjsonWriter::new(schema)),
            Self::JsonArray => Box::new(JsonWriter::new(schema)),
            Self::Csv => Box::new(CsvWriter::new(schema)),
            Self::ArrowStream => Box::new(ArrowStreamWriter::new(schema)?),
            Self::Parquet => Box::new(ParquetWriter::new(schema)?),
        })
    }
}

//! Record batches in every format that a client can ask for.

mod arrow_stream;
mod csv;
mod framed;
mod issues;
mod json;
mod parquet;
mod value;

use std::fmt;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use eider_application::BodyFormat;
use serde_json::Value as Json;

use self::arrow_stream::ArrowStreamEncoder;
use self::csv::CsvEncoder;
pub(crate) use self::framed::FramedEncoder;
pub(crate) use self::issues::IssueLines;
pub(crate) use self::json::JsonRows;
use self::json::{JsonArrayEncoder, NdjsonEncoder};
use self::parquet::ParquetEncoder;

/// Writes batches of one schema in one format.
///
/// First [`begin`](Self::begin), then any number of batches, then [`end`](Self::end). What was written without its
/// end does not pass for a whole result in any format but NDJSON and CSV, which have no end of their own.
pub trait RecordEncoder: fmt::Debug + Send {
    /// Appends what stands before the first record, records or not.
    ///
    /// # Errors
    /// When the format cannot hold the columns.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError>;

    /// Appends the records of a batch, or keeps them back until there are enough of them.
    ///
    /// # Errors
    /// When the batch has other columns than the encoder was made for.
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError>;

    /// Appends what was kept back and what stands behind the last record.
    ///
    /// # Errors
    /// When the format cannot hold what was kept back.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError>;

    /// Appends why there are no more records and no end, behind those that there are; nothing in a format that has no
    /// place for it. `problem` is a problem document.
    fn broken(&mut self, _problem: &Json, _out: &mut Vec<u8>) {}
}

/// An encoder for batches with the columns of `schema`, which are of the Arrow types that
/// [`eider_domain::DataType::arrow_type`] yields.
///
/// # Errors
/// When the format cannot hold the columns.
pub fn record_encoder(format: BodyFormat, schema: &SchemaRef) -> Result<Box<dyn RecordEncoder>, ArrowError> {
    Ok(match format {
        BodyFormat::Ndjson => Box::new(NdjsonEncoder::new(schema)),
        BodyFormat::JsonArray => Box::new(JsonArrayEncoder::new(schema)),
        BodyFormat::Csv => Box::new(CsvEncoder::new(schema)),
        BodyFormat::ArrowStream => Box::new(ArrowStreamEncoder::new(schema)?),
        BodyFormat::Parquet => Box::new(ParquetEncoder::new(schema)?),
    })
}

//! What the writers of all formats share.

use std::fmt;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use serde_json::Value as Json;

/// Writes batches of one schema in one format.
///
/// First [`begin`](Self::begin), then any number of batches, then [`end`](Self::end). What was written without its
/// end does not pass for a whole result in any format but NDJSON and CSV, which have no end of their own.
///
/// ```
/// use std::sync::Arc;
///
/// use arrow_array::{ArrayRef, RecordBatch, StringArray};
/// use eider_formats::Format;
///
/// let carriers: ArrayRef = Arc::new(StringArray::from(vec![Some(""), None]));
/// let batch = RecordBatch::try_from_iter_with_nullable([("carrier", carriers, true)])?;
/// let mut writer = Format::Csv.writer(&batch.schema())?;
/// let mut text = Vec::new();
/// writer.begin(&mut text)?;
/// writer.batch(&batch, &mut text)?;
/// writer.end(&mut text)?;
/// assert_eq!(text, b"carrier\r\n\"\"\r\n\r\n", "an empty text is quoted, null is not");
/// # Ok::<(), arrow_schema::ArrowError>(())
/// ```
pub trait RecordWriter: fmt::Debug + Send {
    /// Appends what stands before the first record, records or not.
    ///
    /// # Errors
    /// When the format cannot hold the columns.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError>;

    /// Appends the records of a batch, or keeps them back until there are enough of them.
    ///
    /// # Errors
    /// When the batch has other columns than the writer was made for.
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

/// What makes a writer of batches with the columns of a schema; it fails when the format cannot hold them.
pub(crate) type Writer = fn(&SchemaRef) -> Result<Box<dyn RecordWriter>, ArrowError>;

/// Moves bytes to the end of `out`, without a copy when it is empty.
pub(crate) fn append(written: &mut Vec<u8>, out: &mut Vec<u8>) {
    if out.is_empty() {
        *out = std::mem::take(written);
    } else {
        out.append(written);
    }
}

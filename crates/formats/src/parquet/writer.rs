//! Parquet, a row group at a time.

use std::fmt;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

use crate::writer::{RecordWriter, Writer, append};

/// Most rows of a row group, as many as DuckDB writes.
const ROW_GROUP_ROWS: usize = 122_880;

/// Encoded bytes after which a row group ends with fewer rows. What is kept back is about as much, and a batch.
const ROW_GROUP_BYTES: usize = 16 << 20;

/// Keeps rows back until they make a row group. The file ends with its footer, without which it is none.
struct ParquetWriter {
    /// Writes into its vector, which is emptied after each call; it counts the bytes itself.
    writer: ArrowWriter<Vec<u8>>,
}

impl ParquetWriter {
    fn new(schema: &SchemaRef) -> Result<Self, ArrowError> {
        // The library hides the metadata of the columns in a key of its own, which only readers of Arrow open.
        let metadata = schema.metadata().iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
        // What is noted of each page waits in memory for the footer, so that it would grow with the result.
        let properties = WriterProperties::builder()
            .set_key_value_metadata(Some(metadata))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        Ok(Self { writer: ArrowWriter::try_new(Vec::new(), SchemaRef::clone(schema), Some(properties))? })
    }

    fn hand_over(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer.sync()?;
        append(self.writer.inner_mut(), out);
        Ok(())
    }
}

pub(crate) const WRITER: Writer = |schema| Ok(Box::new(ParquetWriter::new(schema)?));

impl RecordWriter for ParquetWriter {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.hand_over(out)
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer.write(batch)?;
        self.hand_over(out)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer.finish()?;
        self.hand_over(out)
    }
}

impl fmt::Debug for ParquetWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetWriter").finish_non_exhaustive()
    }
}

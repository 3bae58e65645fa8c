//! Parquet bodies: kept in a file without a name until they are whole, then read row group by row group.

mod pages;

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ::parquet::basic::Type as PhysicalType;
use arrow_schema::{DataType as ArrowType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};

use pages::check_pages;

use super::columnar::Arrival;
use crate::{Error, StoreError};

/// Most bytes of the description at the end of a file.
const MAX_FOOTER_BYTES: u64 = 64 << 20;

/// A Parquet file that arrives in blocks.
pub(super) struct ParquetSpool {
    directory: PathBuf,
    batch_rows: usize,
    file: Option<File>,
    state: State,
}

enum State {
    Arriving,
    /// Ready to say which columns there are.
    Whole(SchemaRef, Box<ParquetRecordBatchReader>),
    Reading(Box<ParquetRecordBatchReader>),
}

impl ParquetSpool {
    /// A file that will wait in `directory` and be read `batch_rows` rows at a time.
    pub(super) fn new(directory: PathBuf, batch_rows: usize) -> Self {
        Self { directory, batch_rows: batch_rows.max(1), file: None, state: State::Arriving }
    }

    pub(super) fn set_directory(&mut self, directory: PathBuf) {
        self.directory = directory;
    }

    pub(super) fn push(&mut self, block: &[u8]) -> Result<(), Error> {
        if block.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.directory).map_err(StoreError::of_disk)?),
        };
        Ok(file.write_all(block).map_err(StoreError::of_disk)?)
    }

    /// Ends the body and opens it.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let mut file = self.file.take().ok_or_else(|| malformed("the body is empty; expected a Parquet file"))?;
        check_footer(&mut file)?;
        let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| open(file, self.batch_rows)));
        let (columns, reader) = opened.unwrap_or_else(|_| Err(malformed("the Parquet file is damaged")))?;
        self.state = State::Whole(columns, Box::new(reader));
        Ok(())
    }

    /// The columns, or the next batch; `None` before the end of the body and behind the last batch.
    pub(super) fn arrival(&mut self) -> Result<Option<Arrival>, Error> {
        match std::mem::replace(&mut self.state, State::Arriving) {
            State::Arriving => Ok(None),
            State::Whole(columns, reader) => {
                self.state = State::Reading(reader);
                Ok(Some(Arrival::Columns(columns)))
            }
            State::Reading(mut reader) => match reader.next() {
                None => Ok(None),
                Some(Ok(batch)) => {
                    self.state = State::Reading(reader);
                    Ok(Some(Arrival::Rows(batch)))
                }
                Some(Err(_)) => Err(malformed("the Parquet file is damaged, or uses a feature that is not read here")),
            },
        }
    }
}

/// Checks how the file ends before its description is read.
fn check_footer(file: &mut File) -> Result<(), Error> {
    let no_parquet = || malformed("the body is not a Parquet file");
    let size = file.seek(SeekFrom::End(0)).map_err(StoreError::of_disk)?;
    if size < 12 {
        return Err(no_parquet());
    }
    let mut end = [0; 8];
    file.seek(SeekFrom::End(-8)).map_err(StoreError::of_disk)?;
    file.read_exact(&mut end).map_err(StoreError::of_disk)?;
    let ([a, b, c, d, magic @ ..], limit) = (end, MAX_FOOTER_BYTES.min(size - 12));
    match &magic {
        b"PAR1" if u64::from(u32::from_le_bytes([a, b, c, d])) <= limit => Ok(()),
        b"PAR1" => Err(malformed("the Parquet file is damaged")),
        b"PARE" => Err(malformed("the Parquet file is encrypted")),
        _ => Err(no_parquet()),
    }
}

/// The columns as the file has them, and what reads them.
fn open(mut file: File, batch_rows: usize) -> Result<(SchemaRef, ParquetRecordBatchReader), Error> {
    let damaged = |_| malformed("the Parquet file is damaged");
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(damaged)?;
    check_pages(&mut file, metadata.metadata())?;
    let columns = Arc::clone(metadata.schema());
    let options = ArrowReaderOptions::new().with_schema(read_as(&metadata));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).map_err(damaged)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    Ok((columns, builder.with_batch_size(batch_rows).build().map_err(damaged)?))
}

/// The columns as they are read: text as views, so that a value in a dictionary is not written out for each row, and
/// the times of old writers in microseconds, where nanoseconds would wrap around.
fn read_as(metadata: &ArrowReaderMetadata) -> SchemaRef {
    let parquet = metadata.parquet_schema();
    let fields = metadata.schema().fields();
    if parquet.num_columns() != fields.len() {
        // Nested columns, which will be refused.
        return Arc::clone(metadata.schema());
    }
    let read_as = |(index, field): (usize, &Arc<Field>)| {
        let is_old_time = parquet.column(index).physical_type() == PhysicalType::INT96;
        let data_type = match field.data_type() {
            ArrowType::Utf8 | ArrowType::LargeUtf8 => ArrowType::Utf8View,
            ArrowType::Timestamp(_, zone) if is_old_time => ArrowType::Timestamp(TimeUnit::Microsecond, zone.clone()),
            _ => return Arc::clone(field),
        };
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    };
    let fields: Vec<Arc<Field>> = fields.iter().enumerate().map(read_as).collect();
    Arc::new(ArrowSchema::new_with_metadata(fields, metadata.schema().metadata().clone()))
}

fn malformed(detail: &str) -> Error {
    Error::MalformedBody { detail: detail.to_owned() }
}

impl fmt::Debug for ParquetSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetSpool").field("batch_rows", &self.batch_rows).finish_non_exhaustive()
    }
}

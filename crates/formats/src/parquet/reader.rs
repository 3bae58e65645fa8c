//! Parquet bodies: kept in a file without a name until they are whole, then read row group by row group.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ::parquet::basic::Type as PhysicalType;
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMicrosecondType, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, DataType as ArrowType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};

use super::pages::check_pages;

use crate::reader::columnar::{Arrival, ColumnSource};
use crate::reader::{MemoryBudget, ReadError, Spooling};

/// Bytes of pages for which nothing is reserved beside what every call reserves.
const SMALL_BYTES: u64 = 8 << 20;
/// Most bytes of the description at the end of a file.
const MAX_FOOTER_BYTES: u64 = 64 << 20;

/// A Parquet file that arrives in blocks.
pub(crate) struct ParquetSpool {
    spooling: Spooling,
    batch_rows: usize,
    file: Option<File>,
    state: State,
}

enum State {
    Arriving,
    /// Ready to say which columns there are.
    Whole(SchemaRef, Box<Rows>),
    Reading(Box<Rows>),
}

impl ParquetSpool {
    /// A file that will be read `batch_rows` rows at a time.
    pub(crate) fn new(spooling: Spooling, batch_rows: usize) -> Self {
        Self { spooling, batch_rows: batch_rows.max(1), file: None, state: State::Arriving }
    }
}

impl ColumnSource for ParquetSpool {
    fn push(&mut self, block: &[u8]) -> Result<(), ReadError> {
        if block.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.spooling.directory)?),
        };
        Ok(file.write_all(block)?)
    }

    /// Ends the body and opens it.
    fn end(&mut self) -> Result<(), ReadError> {
        let mut file =
            self.file.take().ok_or_else(|| ReadError::malformed("the body is empty; expected a Parquet file"))?;
        check_footer(&mut file)?;
        let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            open(file, &*self.spooling.memory, self.batch_rows)
        }));
        let (columns, rows) = opened.unwrap_or_else(|_| Err(ReadError::malformed("the Parquet file is damaged")))?;
        self.state = State::Whole(columns, Box::new(rows));
        Ok(())
    }

    /// The columns, or the next batch; `None` before the end of the body and behind the last batch.
    fn arrival(&mut self) -> Result<Option<Arrival>, ReadError> {
        match std::mem::replace(&mut self.state, State::Arriving) {
            State::Arriving => Ok(None),
            State::Whole(columns, rows) => {
                self.state = State::Reading(rows);
                Ok(Some(Arrival::Columns(columns)))
            }
            State::Reading(mut rows) => {
                let batch = rows.next()?;
                if batch.is_some() {
                    self.state = State::Reading(rows);
                }
                Ok(batch.map(Arrival::Rows))
            }
        }
    }
}

/// Checks how the file ends before its description is read.
fn check_footer(file: &mut File) -> Result<(), ReadError> {
    let no_parquet = || ReadError::malformed("the body is not a Parquet file");
    let size = file.seek(SeekFrom::End(0))?;
    if size < 12 {
        return Err(no_parquet());
    }
    let mut end = [0; 8];
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut end)?;
    let ([a, b, c, d, magic @ ..], limit) = (end, MAX_FOOTER_BYTES.min(size - 12));
    match &magic {
        b"PAR1" if u64::from(u32::from_le_bytes([a, b, c, d])) <= limit => Ok(()),
        b"PAR1" => Err(ReadError::malformed("the Parquet file is damaged")),
        b"PARE" => Err(ReadError::malformed("the Parquet file is encrypted")),
        _ => Err(no_parquet()),
    }
}

/// The columns as the file has them, and what reads them.
fn open(mut file: File, memory: &dyn MemoryBudget, batch_rows: usize) -> Result<(SchemaRef, Rows), ReadError> {
    let damaged = |_| ReadError::malformed("the Parquet file is damaged");
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(damaged)?;
    let columns = Arc::clone(metadata.schema());
    let whole = placed(metadata.metadata());
    let held = check_pages(&mut file, &whole)?;
    let reservation = (held > SMALL_BYTES).then(|| memory.reserve(held).ok_or(ReadError::MemoryShort)).transpose()?;
    let reader = |unit: TimeUnit, times: Option<&[usize]>| {
        let file = file.try_clone()?;
        let options = ArrowReaderOptions::new().with_schema(read_as(&metadata, unit));
        let read = ArrowReaderMetadata::try_new(Arc::clone(&whole), options).map_err(damaged)?;
        let mask = times.map(|times| ProjectionMask::leaves(read.parquet_schema(), times.iter().copied()));
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, read).with_batch_size(batch_rows);
        let builder = if let Some(mask) = mask { builder.with_projection(mask) } else { builder };
        builder.build().map_err(damaged)
    };
    let times = old_times(&metadata);
    let nanos = (!times.is_empty()).then(|| reader(TimeUnit::Nanosecond, Some(&times))).transpose()?;
    let rows = Rows { reader: reader(TimeUnit::Microsecond, None)?, times, nanos, _reservation: reservation };
    Ok((columns, rows))
}

/// The description of a file whose columns begin where it says: some writers put 0 for a dictionary that there is not,
/// and for the pages of a group without rows.
fn placed(metadata: &Arc<ParquetMetaData>) -> Arc<ParquetMetaData> {
    let is_wrong = |column: &ColumnChunkMetaData| {
        column.dictionary_page_offset().is_some_and(|offset| offset <= 0 || offset >= column.data_page_offset())
    };
    let is_empty = |group: &RowGroupMetaData| group.num_rows() == 0;
    let groups = metadata.row_groups();
    if !groups.iter().any(is_empty) && !groups.iter().flat_map(RowGroupMetaData::columns).any(is_wrong) {
        return Arc::clone(metadata);
    }
    let mut builder = metadata.as_ref().clone().into_builder();
    let corrected = |column: &ColumnChunkMetaData| {
        let is_wrong = is_wrong(column);
        let builder = column.clone().into_builder();
        if is_wrong { builder.set_dictionary_page_offset(None).build() } else { builder.build() }
    };
    for group in builder.take_row_groups().into_iter().filter(|group| !is_empty(group)) {
        let columns: Result<Vec<_>, _> = group.columns().iter().map(corrected).collect();
        let corrected = columns.and_then(|columns| group.clone().into_builder().set_column_metadata(columns).build());
        builder = builder.add_row_group(corrected.unwrap_or(group));
    }
    Arc::new(builder.build())
}

/// The places of the columns with times of old writers; none of a file with nested columns, which will be refused.
fn old_times(metadata: &ArrowReaderMetadata) -> Vec<usize> {
    let parquet = metadata.parquet_schema();
    let is_flat = parquet.num_columns() == metadata.schema().fields().len();
    let places = (0..parquet.num_columns()).filter(|_| is_flat);
    places.filter(|place| parquet.column(*place).physical_type() == PhysicalType::INT96).collect()
}

/// The columns as they are read: text as views, so that a value in a dictionary is not written out for each row, and
/// the times of old writers in a unit: in nanoseconds they would wrap around.
fn read_as(metadata: &ArrowReaderMetadata, unit: TimeUnit) -> SchemaRef {
    let old_times = old_times(metadata);
    let fields = metadata.schema().fields();
    if metadata.parquet_schema().num_columns() != fields.len() {
        return Arc::clone(metadata.schema());
    }
    let read_as = |(index, field): (usize, &Arc<Field>)| {
        let data_type = match field.data_type() {
            ArrowType::Utf8 | ArrowType::LargeUtf8 => ArrowType::Utf8View,
            ArrowType::Timestamp(_, zone) if old_times.contains(&index) => ArrowType::Timestamp(unit, zone.clone()),
            _ => return Arc::clone(field),
        };
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    };
    let fields: Vec<Arc<Field>> = fields.iter().enumerate().map(read_as).collect();
    Arc::new(ArrowSchema::new_with_metadata(fields, metadata.schema().metadata().clone()))
}

/// What reads the rows.
struct Rows {
    reader: ParquetRecordBatchReader,
    /// The places of times of old writers, which have nanoseconds.
    times: Vec<usize>,
    /// The same times as whole nanoseconds, wrapped around: only what they say of parts of microseconds counts.
    nanos: Option<ParquetRecordBatchReader>,
    _reservation: Option<Box<dyn Any + Send>>,
}

impl Rows {
    fn next(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        let Some(batch) = self.reader.next().transpose().map_err(unreadable)? else { return Ok(None) };
        let Some(nanos) = &mut self.nanos else { return Ok(Some(batch)) };
        let nanos = nanos.next().transpose().map_err(unreadable)?;
        let nanos = nanos.filter(|nanos| nanos.num_rows() == batch.num_rows());
        let nanos = nanos.ok_or_else(|| ReadError::malformed("the Parquet file is damaged"))?;
        let mut columns = batch.columns().to_vec();
        for (place, nanos) in self.times.iter().zip(nanos.columns()) {
            if let Some(column) = columns.get_mut(*place) {
                *column = whole_micros(column, nanos);
            }
        }
        Ok(Some(RecordBatch::try_new(batch.schema(), columns)?))
    }
}

/// Times in microseconds; one with a part of a microsecond becomes one that no property takes, since the type has no
/// room for it.
fn whole_micros(micros: &ArrayRef, nanos: &ArrayRef) -> ArrayRef {
    let (Some(times), Some(nanos)) =
        (micros.as_primitive_opt::<TimestampMicrosecondType>(), nanos.as_primitive_opt::<TimestampNanosecondType>())
    else {
        return Arc::clone(micros);
    };
    let is_whole = |(micros, nanos): (&i64, &i64)| micros.wrapping_mul(1_000) == *nanos;
    if times.values().iter().zip(nanos.values()).all(is_whole) {
        return Arc::clone(micros);
    }
    let values = times.values().iter().zip(nanos.values());
    let values = values.map(|(micros, nanos)| if is_whole((micros, nanos)) { *micros } else { i64::MIN });
    let values = TimestampMicrosecondArray::new(values.collect(), times.nulls().cloned());
    Arc::new(values.with_data_type(times.data_type().clone()))
}

/// The reader's own words may hold values, so they are not passed on.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn unreadable(error: ArrowError) -> ReadError {
    ReadError::malformed(if error.to_string().contains("checksum mismatch") {
        "a page of the Parquet file is not what its checksum says"
    } else {
        "the Parquet file is damaged, or uses a feature that is not read here"
    })
}

impl fmt::Debug for ParquetSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetSpool").field("batch_rows", &self.batch_rows).finish_non_exhaustive()
    }
}

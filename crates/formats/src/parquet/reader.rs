//! Parquet files, once they are whole: read row group by row group.

use std::any::Any;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ::parquet::basic::{ConvertedType, LogicalType};
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use ::parquet::schema::types::{SchemaDescriptor, Type as ParquetType};
use arrow_array::{Array, RecordBatch, make_array};
use arrow_schema::{ArrowError, DataType as ArrowType, FieldRef, Schema as ArrowSchema, SchemaRef, TimeUnit};
use eider_domain::abbreviate;

use super::footer::is_too_deep;
use super::pages::check_pages;
use super::times::{exact, old_times};
use crate::reader::columnar::spooled::{self, Batches, Opened};
use crate::reader::{MemoryBudget, ReadError};

/// What the format is called.
pub(super) const NAME: &str = "Parquet";
/// Bytes of pages for which nothing is reserved beside what every call reserves.
const SMALL_BYTES: u64 = 8 << 20;
/// Most bytes of the description at the end of a file.
const MAX_FOOTER_BYTES: u64 = 64 << 20;

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
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    match &magic {
        b"PAR1" if length <= limit => {
            file.seek(SeekFrom::Start(size - 8 - length))?;
            match is_too_deep(BufReader::new(file.take(length))) {
                Ok(false) => Ok(()),
                Ok(true) => Err(ReadError::malformed("the columns of the Parquet file are nested too deep")),
                Err(_) => Err(damaged()),
            }
        }
        b"PAR1" => Err(damaged()),
        b"PARE" => Err(ReadError::malformed("the Parquet file is encrypted")),
        _ => Err(no_parquet()),
    }
}

/// The columns as a file has them, and what reads them, `batch_rows` rows at a time.
pub(super) fn open(mut file: File, memory: &dyn MemoryBudget, batch_rows: usize) -> Result<Opened, ReadError> {
    check_footer(&mut file)?;
    let damaged = |_| damaged();
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(damaged)?;
    check_types(metadata.parquet_schema())?;
    let columns = Arc::clone(metadata.schema());
    let whole = placed(metadata.metadata());
    let held = check_pages(&mut file, &whole, batch_rows as u64)?;
    let reservation = (held > SMALL_BYTES).then(|| memory.reserve(held).ok_or(ReadError::MemoryShort)).transpose()?;
    let reader = |unit: TimeUnit, times: Option<&[usize]>| {
        let file = file.try_clone()?;
        let options = ArrowReaderOptions::new().with_schema(read_as(&metadata, unit));
        let read = ArrowReaderMetadata::try_new(Arc::clone(&whole), options).map_err(damaged)?;
        let mask = times.map(|times| ProjectionMask::roots(read.parquet_schema(), times.iter().copied()));
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, read).with_batch_size(batch_rows);
        let builder = if let Some(mask) = mask { builder.with_projection(mask) } else { builder };
        builder.build().map_err(damaged)
    };
    let times = old_times(metadata.parquet_schema());
    let nanos = (!times.is_empty()).then(|| reader(TimeUnit::Nanosecond, Some(&times))).transpose()?;
    let rows = Rows { reader: reader(TimeUnit::Microsecond, None)?, times, nanos, _reservation: reservation };
    Ok((columns, Box::new(rows)))
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

/// Checks that there is no column of which the library would read a part and not say so.
fn check_types(schema: &SchemaDescriptor) -> Result<(), ReadError> {
    for root in schema.root_schema().get_fields() {
        if let Some(name) = unread(root) {
            let column = abbreviate(root.name());
            return Err(ReadError::malformed(format!(
                "the column `{column}` holds a Parquet {name}, which is not read here; write it as text"
            )));
        }
    }
    Ok(())
}

/// The name of a type within another that is not read. How deep types are nested was looked at.
fn unread(parquet: &ParquetType) -> Option<&'static str> {
    let info = parquet.get_basic_info();
    if matches!(info.logical_type_ref(), Some(LogicalType::Variant(_))) {
        return Some("VARIANT");
    }
    if info.converted_type() == ConvertedType::INTERVAL {
        return Some("INTERVAL");
    }
    if parquet.is_group() { parquet.get_fields().iter().find_map(|member| unread(member)) } else { None }
}

/// The columns as they are read: text and bytes as views, so that a value in a dictionary is not written out for each
/// row, and the times of old writers in a unit: in nanoseconds they would wrap around.
fn read_as(metadata: &ArrowReaderMetadata, unit: TimeUnit) -> SchemaRef {
    let old_times = old_times(metadata.parquet_schema());
    let read_as = |(index, field): (usize, &FieldRef)| field_read_as(field, old_times.contains(&index).then_some(unit));
    let fields: Vec<FieldRef> = metadata.schema().fields().iter().enumerate().map(read_as).collect();
    Arc::new(ArrowSchema::new_with_metadata(fields, metadata.schema().metadata().clone()))
}

/// A field as it is read, without the dictionaries and runs that its writer had in memory: times in nanoseconds, which
/// those of old writers seem to be, in `unit`.
fn field_read_as(field: &FieldRef, unit: Option<TimeUnit>) -> FieldRef {
    use ArrowType as A;
    let inner = |field: &FieldRef| field_read_as(field, unit);
    let data_type = match (field.data_type(), unit) {
        (A::Utf8 | A::LargeUtf8, _) => A::Utf8View,
        (A::Binary | A::LargeBinary, _) => A::BinaryView,
        (A::Timestamp(TimeUnit::Nanosecond, zone), Some(unit)) => A::Timestamp(unit, zone.clone()),
        (A::List(item), _) => A::List(inner(item)),
        (A::LargeList(item), _) => A::LargeList(inner(item)),
        (A::ListView(item), _) => A::ListView(inner(item)),
        (A::LargeListView(item), _) => A::LargeListView(inner(item)),
        (A::FixedSizeList(item, length), _) => A::FixedSizeList(inner(item), *length),
        (A::Struct(members), _) => A::Struct(members.iter().map(inner).collect()),
        (A::Map(entries, is_sorted), _) => A::Map(inner(entries), *is_sorted),
        (A::Dictionary(_, values), _) => {
            return inner(&Arc::new(field.as_ref().clone().with_data_type(values.as_ref().clone())));
        }
        (A::RunEndEncoded(_, values), _) => {
            return inner(&Arc::new(field.as_ref().clone().with_data_type(values.data_type().clone())));
        }
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// What reads the rows.
struct Rows {
    reader: ParquetRecordBatchReader,
    /// The places of times of old writers, which have nanoseconds.
    times: Vec<usize>,
    /// The same times as whole nanoseconds, wrapped around where they are far away.
    nanos: Option<ParquetRecordBatchReader>,
    _reservation: Option<Box<dyn Any + Send>>,
}

impl Batches for Rows {
    fn next(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        let Some(batch) = self.reader.next().transpose().map_err(unreadable)? else { return Ok(None) };
        let Some(nanos) = &mut self.nanos else { return Ok(Some(batch)) };
        let nanos = nanos.next().transpose().map_err(unreadable)?;
        let nanos = nanos.filter(|nanos| nanos.num_rows() == batch.num_rows());
        let nanos = nanos.ok_or_else(damaged)?;
        let mut columns = batch.columns().to_vec();
        for (place, nanos) in self.times.iter().zip(nanos.columns()) {
            if let Some(column) = columns.get_mut(*place) {
                *column = make_array(exact(&column.to_data(), &nanos.to_data())?);
            }
        }
        // Each is of the unit that holds it.
        let schema = batch.schema();
        let fields = schema.fields().iter().zip(&columns);
        let fields = fields.map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()));
        let schema = ArrowSchema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone());
        Ok(Some(RecordBatch::try_new(Arc::new(schema), columns)?))
    }
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

fn damaged() -> ReadError {
    spooled::damaged(NAME)
}

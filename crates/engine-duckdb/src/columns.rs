//! Columns between Arrow as the ports have it and Arrow as the engine has it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType, Field, Metadata, Schema as ArrowSchema, SchemaRef, TimeUnit};
use eider_application::ports::{POSITION_SEQUENCE, ScanRequest, StoreError, position_key};
use eider_domain::{Schema, SystemField};
use uuid::Uuid;

use crate::error::{arrow_error, internal};

/// The ids of whole records.
pub fn ids_of(records: &RecordBatch) -> impl Iterator<Item = Uuid> {
    let ids = records.column(SystemField::Id as usize).as_fixed_size_binary();
    (0..ids.len()).map(|row| Uuid::from_slice(ids.value(row)).unwrap_or_default())
}

/// The columns of the table as the appender takes them.
pub fn engine_schema(schema: &Schema) -> SchemaRef {
    let columns = schema.arrow().fields().iter().map(|field| engine_field(field));
    let sequence = Field::new(POSITION_SEQUENCE, DataType::Int64, false);
    Arc::new(ArrowSchema::new([sequence].into_iter().chain(columns).collect::<Vec<_>>()))
}

/// A batch of records with the columns of the table, numbered from `first_sequence` on; `schema` is the [`engine_schema`].
///
/// # Errors
/// `Internal` when the batch has other columns.
pub fn engine_batch(batch: &RecordBatch, schema: &SchemaRef, first_sequence: i64) -> Result<RecordBatch, StoreError> {
    let last = first_sequence + i64::try_from(batch.num_rows()).map_err(|_| internal("a batch has too many rows"))?;
    placed_batch(batch, schema, Int64Array::from_iter_values(first_sequence..last))
}

/// A batch of records with the columns of the table, each numbered by itself; `schema` is the [`engine_schema`].
///
/// # Errors
/// `Internal` when the batch has other columns.
pub fn placed_batch(batch: &RecordBatch, schema: &SchemaRef, sequence: Int64Array) -> Result<RecordBatch, StoreError> {
    let sequence: ArrayRef = Arc::new(sequence);
    let columns = [sequence].into_iter().chain(batch.columns().iter().map(engine_array)).collect();
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(arrow_error)
}

/// A field with the type that the table's column has: instants without their zone, JSON as text. Otherwise the
/// appender would cast each value.
pub fn engine_field(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => other.clone(),
    };
    let is_uuid = field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == "arrow.uuid");
    let metadata = if is_uuid { field.metadata().clone() } else { Metadata::default() };
    Field::new(field.name(), data_type, field.is_nullable()).with_metadata(metadata)
}

/// A column with the type of its [`engine_field`].
pub fn engine_array(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            Arc::new(array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone_opt(None::<Arc<str>>))
        }
        _ => Arc::clone(array),
    }
}

/// The columns of a scan.
pub fn scan_schema(schema: &Schema, request: &ScanRequest) -> SchemaRef {
    let projected = request.query.projection.arrow(schema);
    if !request.with_positions {
        return projected;
    }
    let keys = request.query.sort.iter().enumerate();
    let keys = keys.map(|(index, key)| {
        let source = schema.arrow().field(key.field.column());
        source.clone().with_name(position_key(index))
    });
    let sequence = Field::new(POSITION_SEQUENCE, DataType::Int64, false);
    let projected = projected.fields().iter().map(|field| field.as_ref().clone());
    Arc::new(ArrowSchema::new(projected.chain(keys).chain([sequence]).collect::<Vec<_>>()))
}

/// A batch with the types that the port promises: instants with their zone, Booleans as bits.
///
/// # Errors
/// `Internal` when the batch has other columns.
pub fn port_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, StoreError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(array, field)| port_array(array, field));
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).map_err(arrow_error)
}

fn port_array(array: &ArrayRef, field: &Field) -> ArrayRef {
    match (array.data_type(), field.data_type()) {
        (DataType::Timestamp(..), DataType::Timestamp(_, Some(zone))) => {
            Arc::new(array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone(Arc::clone(zone)))
        }
        (DataType::Int8, DataType::Boolean) => {
            let values = array.as_primitive::<Int8Type>();
            Arc::new(values.iter().map(|value| value.map(|value| value != 0)).collect::<BooleanArray>())
        }
        _ => Arc::clone(array),
    }
}

//! Between Arrow columns, typed values and JSON.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType as ArrowType, Field as ArrowField};
use eider_application::value_at;
use eider_domain::{DataType, Value};

/// The type of the values in an Arrow column; `object` for nested JSON of either kind.
pub(crate) fn data_type_of(field: &ArrowField) -> DataType {
    match field.data_type() {
        ArrowType::Utf8 if field.metadata().contains_key(EXTENSION_TYPE_NAME_KEY) => DataType::Object,
        ArrowType::Utf8 => DataType::String,
        ArrowType::Int64 => DataType::Integer,
        ArrowType::Float64 => DataType::Number,
        ArrowType::Decimal128(precision, scale) => {
            DataType::Decimal { precision: *precision, scale: scale.cast_unsigned() }
        }
        ArrowType::Boolean => DataType::Boolean,
        ArrowType::Date32 => DataType::Date,
        ArrowType::Time64(_) => DataType::Time,
        ArrowType::Timestamp(..) => DataType::Datetime,
        ArrowType::FixedSizeBinary(16) => DataType::Uuid,
        other => panic!("no property is stored as {other}"),
    }
}

/// The rows of a batch, each with one value per column.
pub fn rows_of(batch: &RecordBatch) -> Vec<Vec<Value>> {
    let schema = batch.schema();
    let types: Vec<DataType> = schema.fields().iter().map(|field| data_type_of(field)).collect();
    let row = |row| types.iter().zip(batch.columns()).map(|(ty, column)| value_at(*ty, column, row)).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// Maps nulls to `None` and values of one kind to `Some`; any other value is a fault of the test.
macro_rules! typed {
    ($values:expr, $($kind:ident)|+ ($value:ident) => $inner:expr) => {
        $values.iter().map(|value| match value {
            Value::Null => None,
            $(Value::$kind($value))|+ => Some($inner),
            other => panic!("{other:?} is not of the column's type"),
        })
    };
}

/// A column of values of one type.
pub(crate) fn column_of(data_type: DataType, values: &[&Value]) -> ArrayRef {
    match data_type {
        DataType::String | DataType::Object | DataType::Array => {
            Arc::new(typed!(values, Text | Json(text) => text.as_ref()).collect::<StringArray>())
        }
        DataType::Integer => Arc::new(typed!(values, Integer(value) => *value).collect::<Int64Array>()),
        DataType::Number => Arc::new(typed!(values, Number(value) => *value).collect::<Float64Array>()),
        DataType::Decimal { .. } => {
            let column = typed!(values, Decimal(value) => *value).collect::<Decimal128Array>();
            Arc::new(column.with_data_type(data_type.arrow_type()))
        }
        DataType::Boolean => Arc::new(typed!(values, Boolean(value) => *value).collect::<BooleanArray>()),
        DataType::Date => Arc::new(typed!(values, Date(value) => *value).collect::<Date32Array>()),
        DataType::Time => Arc::new(typed!(values, Time(value) => *value).collect::<Time64MicrosecondArray>()),
        DataType::Datetime => {
            let column = typed!(values, Datetime(value) => *value).collect::<TimestampMicrosecondArray>();
            Arc::new(column.with_timezone("UTC"))
        }
        DataType::Uuid => {
            let bytes = typed!(values, Uuid(uuid) => uuid.as_bytes());
            let column = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 16);
            Arc::new(column.expect("every UUID has 16 bytes"))
        }
    }
}

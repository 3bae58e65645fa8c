//! A single value out of a column.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use eider_domain::{DataType, Value};
use uuid::Uuid;

/// The value of a row in a column of the Arrow type that `data_type` has.
pub fn value_at(data_type: DataType, column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match data_type {
        DataType::String => Value::Text(column.as_string::<i32>().value(row).to_owned().into()),
        DataType::Object | DataType::Array => Value::Json(column.as_string::<i32>().value(row).to_owned().into()),
        DataType::Integer => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
        DataType::Number => Value::Number(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal { .. } => Value::Decimal(column.as_primitive::<Decimal128Type>().value(row)),
        DataType::Boolean => Value::Boolean(column.as_boolean().value(row)),
        DataType::Date => Value::Date(column.as_primitive::<Date32Type>().value(row)),
        DataType::Time => Value::Time(column.as_primitive::<Time64MicrosecondType>().value(row)),
        DataType::Datetime => Value::Datetime(column.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Uuid => {
            let bytes: [u8; 16] = column.as_fixed_size_binary().value(row).try_into().unwrap_or_default();
            Value::Uuid(Uuid::from_bytes(bytes))
        }
    }
}

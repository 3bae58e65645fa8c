//! Between Arrow columns and typed values.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Field as ArrowField;
use eider_application::ports::value_at;
use eider_domain::{DataType, Value};

/// The type of the values in an Arrow column; `object` for nested JSON of either kind.
pub(crate) fn data_type_of(field: &ArrowField) -> DataType {
    DataType::of_arrow(field).unwrap_or_else(|| panic!("no property is stored as {}", field.data_type()))
}

/// The rows of a batch, each with one value per column.
pub fn rows_of(batch: &RecordBatch) -> Vec<Vec<Value>> {
    let schema = batch.schema();
    let types: Vec<DataType> = schema.fields().iter().map(|field| data_type_of(field)).collect();
    let row = |row| types.iter().zip(batch.columns()).map(|(ty, column)| value_at(*ty, column, row)).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// A column of values of one type; any other value is a fault of the test.
pub(crate) fn column_of(data_type: DataType, values: &[&Value]) -> ArrayRef {
    let column = eider_application::ports::column_of(data_type, values.iter().map(|value| value.borrowed()));
    let lost = values.iter().enumerate().find(|(row, value)| column.is_null(*row) != (***value == Value::Null));
    assert!(lost.is_none(), "{lost:?} is not of the column's type {data_type}");
    column
}

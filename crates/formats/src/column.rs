//! One typed column for both ways: arrays of Arrow as values and as text, and values as arrays.
//!
//! [`Column`] looks at an array of a type that a property has, for writers and for who wants a single value. Dates,
//! decimals and numbers have one text, which every [`TextForm`] shares.
//! [`ColumnBuilder`] grows one, for readers. What Arrow and Parquet bodies hold in other types is brought to these
//! types in `reader::columnar`.

use std::borrow::Cow;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, FixedSizeBinaryBuilder, Float64Builder,
    Int64Builder, StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::Schema;
use eider_domain::temporal::{self, DatetimeText};
use eider_domain::{DataType, Value, ValueRef};
use uuid::Uuid;

/// The value of a row in a column of the Arrow type that `data_type` has.
pub fn value_at(data_type: DataType, column: &dyn Array, row: usize) -> Value {
    Column::of(column, data_type).value(row).into_owned()
}

/// A column of values of one type; a value of another becomes null.
pub fn column_of<'v>(data_type: DataType, values: impl IntoIterator<Item = ValueRef<'v>>) -> ArrayRef {
    let mut column = ColumnBuilder::new(data_type);
    for value in values {
        column.append(value);
    }
    column.finish()
}

/// The type of each column; none of one that no property has.
pub fn types_of(schema: &Schema) -> Vec<Option<DataType>> {
    schema.fields().iter().map(|field| DataType::of_arrow(field)).collect()
}

/// The columns of a batch, whose types are those of [`types_of`].
pub fn columns_of<'b>(batch: &'b RecordBatch, types: &[Option<DataType>]) -> Vec<Column<'b>> {
    let columns = batch.columns().iter().zip(types);
    columns.map(|(array, of)| of.map_or(Column::Null, |of| Column::of(array.as_ref(), of))).collect()
}

/// A column of a known type. Columns of types that no property has are null in every row.
#[derive(Debug)]
pub enum Column<'b> {
    /// Text.
    Text(&'b StringArray),
    /// Text that is JSON.
    Json(&'b StringArray),
    /// Whole numbers.
    Integer(&'b PrimitiveArray<Int64Type>),
    /// Finite doubles.
    Number(&'b PrimitiveArray<Float64Type>),
    /// Decimals, without their scale.
    Decimal(&'b PrimitiveArray<Decimal128Type>),
    /// Truth values.
    Boolean(&'b BooleanArray),
    /// Days since 1970-01-01.
    Date(&'b PrimitiveArray<Date32Type>),
    /// Microseconds since midnight.
    Time(&'b PrimitiveArray<Time64MicrosecondType>),
    /// Microseconds since 1970 in UTC, and the text of the last.
    Datetime(&'b PrimitiveArray<TimestampMicrosecondType>, DatetimeText),
    /// The sixteen bytes of each.
    Uuid(&'b FixedSizeBinaryArray),
    /// Nothing.
    Null,
}

impl<'b> Column<'b> {
    /// The column of an array of the Arrow type that `data_type` has; of any other, nothing.
    pub fn of(array: &'b dyn Array, data_type: DataType) -> Self {
        let column = match data_type {
            DataType::String => array.as_string_opt().map(Self::Text),
            DataType::Object | DataType::Array => array.as_string_opt().map(Self::Json),
            DataType::Integer => array.as_primitive_opt().map(Self::Integer),
            DataType::Number => array.as_primitive_opt().map(Self::Number),
            DataType::Decimal { .. } => array.as_primitive_opt().map(Self::Decimal),
            DataType::Boolean => array.as_boolean_opt().map(Self::Boolean),
            DataType::Date => array.as_primitive_opt().map(Self::Date),
            DataType::Time => array.as_primitive_opt().map(Self::Time),
            DataType::Datetime => array.as_primitive_opt().map(|array| Self::Datetime(array, DatetimeText::default())),
            DataType::Uuid => array.as_fixed_size_binary_opt().map(Self::Uuid),
        };
        column.unwrap_or(Self::Null)
    }

    /// The value of a row.
    pub fn value(&self, row: usize) -> ValueRef<'b> {
        match self {
            Self::Text(array) if array.is_valid(row) => ValueRef::Text(Cow::Borrowed(array.value(row))),
            Self::Json(array) if array.is_valid(row) => ValueRef::Json(Cow::Borrowed(array.value(row))),
            Self::Integer(array) if array.is_valid(row) => ValueRef::Integer(array.value(row)),
            Self::Number(array) if array.is_valid(row) => ValueRef::Number(array.value(row)),
            Self::Decimal(array) if array.is_valid(row) => ValueRef::Decimal(array.value(row)),
            Self::Boolean(array) if array.is_valid(row) => ValueRef::Boolean(array.value(row)),
            Self::Date(array) if array.is_valid(row) => ValueRef::Date(array.value(row)),
            Self::Time(array) if array.is_valid(row) => ValueRef::Time(array.value(row)),
            Self::Datetime(array, _) if array.is_valid(row) => ValueRef::Datetime(array.value(row)),
            Self::Uuid(array) if array.is_valid(row) => {
                ValueRef::Uuid(Uuid::from_slice(array.value(row)).unwrap_or_default())
            }
            // Every kind by its name, so that a new one is asked for here.
            Self::Text(_)
            | Self::Json(_)
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Decimal(_)
            | Self::Boolean(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Datetime(..)
            | Self::Uuid(_)
            | Self::Null => ValueRef::Null,
        }
    }
}

/// What a text format adds to the text of values.
pub trait TextForm {
    /// Appends what stands for a null.
    fn null(out: &mut Vec<u8>);

    /// Appends any text.
    fn text(text: &str, out: &mut Vec<u8>);

    /// Appends a text that is JSON.
    fn json(text: &str, out: &mut Vec<u8>);

    /// Appends a value that JSON writes as text. The text is one of digits, letters, `-`, `:` and `.` alone.
    fn plain(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>));
}

impl Column<'_> {
    /// Appends the value of a row.
    pub fn write<F: TextForm>(&mut self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Text(array) if array.is_valid(row) => F::text(array.value(row), out),
            Self::Json(array) if array.is_valid(row) => F::json(array.value(row), out),
            Self::Integer(array) if array.is_valid(row) => {
                out.extend_from_slice(itoa::Buffer::new().format(array.value(row)).as_bytes());
            }
            Self::Number(array) if array.is_valid(row) => write_number::<F>(array.value(row), out),
            Self::Decimal(array) if array.is_valid(row) => {
                F::plain(out, |out| out.extend_from_slice(array.value_as_string(row).as_bytes()));
            }
            Self::Boolean(array) if array.is_valid(row) => {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
            }
            Self::Date(array) if array.is_valid(row) => {
                F::plain(out, |out| temporal::write_date(out, array.value(row)));
            }
            Self::Time(array) if array.is_valid(row) => {
                F::plain(out, |out| temporal::write_time(out, array.value(row)));
            }
            Self::Datetime(array, text) if array.is_valid(row) => {
                F::plain(out, |out| out.extend_from_slice(text.of(array.value(row))));
            }
            Self::Uuid(array) if array.is_valid(row) => F::plain(out, |out| write_uuid(array.value(row), out)),
            // Every kind by its name, so that a new one is asked for here.
            Self::Text(_)
            | Self::Json(_)
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Decimal(_)
            | Self::Boolean(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Datetime(..)
            | Self::Uuid(_)
            | Self::Null => F::null(out),
        }
    }
}

/// Appends the shortest text that reads back as the same double.
fn write_number<F: TextForm>(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        F::null(out);
    }
}

fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    let mut buffer = Uuid::encode_buffer();
    let uuid = Uuid::from_slice(bytes).unwrap_or_default();
    out.extend_from_slice(uuid.hyphenated().encode_lower(&mut buffer).as_bytes());
}

/// A column of one property that grows value by value.
#[derive(Debug)]
pub(crate) enum ColumnBuilder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Decimal(Decimal128Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Datetime(TimestampMicrosecondBuilder),
    Uuid(FixedSizeBinaryBuilder),
}

impl ColumnBuilder {
    pub(crate) fn new(data_type: DataType) -> Self {
        // Builders grow as they are filled; with the default capacity a single record would cost 8 KiB a column.
        match data_type {
            DataType::String | DataType::Object | DataType::Array => Self::Text(StringBuilder::with_capacity(0, 0)),
            DataType::Integer => Self::Integer(Int64Builder::with_capacity(0)),
            DataType::Number => Self::Number(Float64Builder::with_capacity(0)),
            DataType::Decimal { .. } => {
                Self::Decimal(Decimal128Builder::with_capacity(0).with_data_type(data_type.arrow_type()))
            }
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(0)),
            DataType::Date => Self::Date(Date32Builder::with_capacity(0)),
            DataType::Time => Self::Time(Time64MicrosecondBuilder::with_capacity(0)),
            DataType::Datetime => {
                Self::Datetime(TimestampMicrosecondBuilder::with_capacity(0).with_data_type(data_type.arrow_type()))
            }
            DataType::Uuid => Self::Uuid(FixedSizeBinaryBuilder::new(16)),
        }
    }

    /// Appends a value and returns roughly how many bytes it takes. A value of another type, which the
    /// validation before this has excluded, becomes null.
    pub(crate) fn append(&mut self, value: ValueRef<'_>) -> usize {
        match (self, value) {
            (Self::Text(column), ValueRef::Text(text) | ValueRef::Json(text)) => {
                column.append_value(&text);
                return text.len() + 4;
            }
            (Self::Integer(column), ValueRef::Integer(value)) => column.append_value(value),
            (Self::Number(column), ValueRef::Number(value)) => column.append_value(value),
            (Self::Decimal(column), ValueRef::Decimal(value)) => column.append_value(value),
            (Self::Boolean(column), ValueRef::Boolean(value)) => column.append_value(value),
            (Self::Date(column), ValueRef::Date(value)) => column.append_value(value),
            (Self::Time(column), ValueRef::Time(value)) => column.append_value(value),
            (Self::Datetime(column), ValueRef::Datetime(value)) => column.append_value(value),
            (Self::Uuid(column), ValueRef::Uuid(value)) => {
                // The width is the builder's own, so this cannot fail.
                let _ = column.append_value(value.as_bytes());
            }
            (column, _) => column.append_null(),
        }
        8
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(column) => column.append_null(),
            Self::Integer(column) => column.append_null(),
            Self::Number(column) => column.append_null(),
            Self::Decimal(column) => column.append_null(),
            Self::Boolean(column) => column.append_null(),
            Self::Date(column) => column.append_null(),
            Self::Time(column) => column.append_null(),
            Self::Datetime(column) => column.append_null(),
            Self::Uuid(column) => column.append_null(),
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match self {
            Self::Text(column) => column,
            Self::Integer(column) => column,
            Self::Number(column) => column,
            Self::Decimal(column) => column,
            Self::Boolean(column) => column,
            Self::Date(column) => column,
            Self::Time(column) => column,
            Self::Datetime(column) => column,
            Self::Uuid(column) => column,
        };
        builder.finish()
    }
}

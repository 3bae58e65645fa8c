//! The text of values, which every text format shares: dates, decimals and numbers look the same in all of them.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType, Field};
use eider_domain::temporal::{self, DatetimeText};
use uuid::Uuid;

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

/// Whether a column holds JSON.
pub fn is_json(field: &Field) -> bool {
    field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == "arrow.json")
}

/// The columns of a batch; `is_json` says of each whether it holds JSON.
pub fn columns_of<'b>(batch: &'b RecordBatch, is_json: &[bool]) -> Vec<Column<'b>> {
    let columns = batch.columns().iter().zip(is_json);
    columns.map(|(array, is_json)| Column::new(array.as_ref(), *is_json)).collect()
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
    fn new(array: &'b dyn Array, is_json: bool) -> Self {
        match array.data_type() {
            DataType::Utf8 if is_json => Self::Json(array.as_string()),
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::Int64 => Self::Integer(array.as_primitive()),
            DataType::Float64 => Self::Number(array.as_primitive()),
            DataType::Decimal128(..) => Self::Decimal(array.as_primitive()),
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Date32 => Self::Date(array.as_primitive()),
            DataType::Time64(_) => Self::Time(array.as_primitive()),
            DataType::Timestamp(..) => Self::Datetime(array.as_primitive(), DatetimeText::default()),
            DataType::FixedSizeBinary(16) => Self::Uuid(array.as_fixed_size_binary()),
            _ => Self::Null,
        }
    }

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
            _ => F::null(out),
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

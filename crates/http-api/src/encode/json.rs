//! A JSON writer made for the columns of a schema: what is the same in every row is prepared once.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType, Schema};
use eider_domain::temporal;
use uuid::Uuid;

/// Writes rows of one schema as JSON objects, with a member per column, nulls included.
///
/// Knows the Arrow types that [`eider_domain::DataType::arrow_type`] yields; any other column is written as null.
#[derive(Debug, Clone)]
pub struct RecordEncoder {
    /// What stands before each value: `{"id":`, `,"created_at":`, …
    prefixes: Vec<Box<[u8]>>,
    is_json: Vec<bool>,
}

impl RecordEncoder {
    /// An encoder for batches with the columns of `schema`.
    pub fn new(schema: &Schema) -> Self {
        let prefixes = schema.fields().iter().enumerate().map(|(index, field)| {
            let opening = if index == 0 { "{" } else { "," };
            // A property's name holds letters, digits and `_` alone: nothing to escape.
            format!("{opening}\"{}\":", field.name()).into_bytes().into_boxed_slice()
        });
        let is_json = schema
            .fields()
            .iter()
            .map(|field| field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == "arrow.json"));
        Self { prefixes: prefixes.collect(), is_json: is_json.collect() }
    }

    /// Appends a row as an NDJSON line for each row of the batch.
    pub fn write_lines(&self, batch: &RecordBatch, out: &mut Vec<u8>) {
        let columns = self.columns(batch);
        for row in 0..batch.num_rows() {
            self.write_row(&columns, row, out);
            out.push(b'\n');
        }
    }

    /// Appends the rows of the batch as the elements of a JSON array, without its brackets.
    pub fn write_elements(&self, batch: &RecordBatch, out: &mut Vec<u8>) {
        let columns = self.columns(batch);
        for row in 0..batch.num_rows() {
            if row > 0 {
                out.push(b',');
            }
            self.write_row(&columns, row, out);
        }
    }

    fn columns<'b>(&self, batch: &'b RecordBatch) -> Vec<Column<'b>> {
        batch
            .columns()
            .iter()
            .zip(&self.is_json)
            .map(|(array, is_json)| Column::new(array.as_ref(), *is_json))
            .collect()
    }

    fn write_row(&self, columns: &[Column<'_>], row: usize, out: &mut Vec<u8>) {
        for (prefix, column) in self.prefixes.iter().zip(columns) {
            out.extend_from_slice(prefix);
            column.write(row, out);
        }
        out.push(b'}');
    }
}

enum Column<'b> {
    Text(&'b StringArray),
    Json(&'b StringArray),
    Integer(&'b PrimitiveArray<Int64Type>),
    Number(&'b PrimitiveArray<Float64Type>),
    Decimal(&'b PrimitiveArray<Decimal128Type>),
    Boolean(&'b BooleanArray),
    Date(&'b PrimitiveArray<Date32Type>),
    Time(&'b PrimitiveArray<Time64MicrosecondType>),
    Datetime(&'b PrimitiveArray<TimestampMicrosecondType>),
    Uuid(&'b FixedSizeBinaryArray),
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
            DataType::Timestamp(..) => Self::Datetime(array.as_primitive()),
            DataType::FixedSizeBinary(16) => Self::Uuid(array.as_fixed_size_binary()),
            _ => Self::Null,
        }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Text(array) if array.is_valid(row) => write_text(array.value(row), out),
            Self::Json(array) if array.is_valid(row) => out.extend_from_slice(array.value(row).as_bytes()),
            Self::Integer(array) if array.is_valid(row) => {
                out.extend_from_slice(itoa::Buffer::new().format(array.value(row)).as_bytes());
            }
            Self::Number(array) if array.is_valid(row) => write_number(array.value(row), out),
            Self::Decimal(array) if array.is_valid(row) => {
                quoted(out, |out| out.extend_from_slice(array.value_as_string(row).as_bytes()));
            }
            Self::Boolean(array) if array.is_valid(row) => {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
            }
            Self::Date(array) if array.is_valid(row) => quoted(out, |out| temporal::write_date(out, array.value(row))),
            Self::Time(array) if array.is_valid(row) => quoted(out, |out| temporal::write_time(out, array.value(row))),
            Self::Datetime(array) if array.is_valid(row) => {
                quoted(out, |out| temporal::write_datetime(out, array.value(row)));
            }
            Self::Uuid(array) if array.is_valid(row) => quoted(out, |out| write_uuid(array.value(row), out)),
            _ => out.extend_from_slice(b"null"),
        }
    }
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Appends a JSON string (RFC 8259, section 7): what has to be escaped is, and nothing else.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let needs_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    if text.as_bytes().iter().any(needs_escape) {
        // Writing to a vector cannot fail.
        let _ = serde_json::to_writer(out, text);
    } else {
        quoted(out, |out| out.extend_from_slice(text.as_bytes()));
    }
}

/// Appends the shortest text that reads back as the same double.
fn write_number(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    let mut buffer = Uuid::encode_buffer();
    let uuid = Uuid::from_slice(bytes).unwrap_or_default();
    out.extend_from_slice(uuid.hyphenated().encode_lower(&mut buffer).as_bytes());
}

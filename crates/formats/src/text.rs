//! The text of values, which every text format shares: dates, decimals and numbers look the same in all of them.

use arrow_array::Array;
use eider_domain::temporal;
use uuid::Uuid;

use crate::column::Column;

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

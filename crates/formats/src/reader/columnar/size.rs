//! How much memory the rows of a batch take once they are written out: dictionaries, views and lists let few bytes of a
//! body stand for many.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType as ArrowType;

use super::measure::{Measure, measure, view_length};
use super::plain::{keys, runs};
use super::scalar::base64_len;
use super::shape::{Extension, carried, is_binary, is_text};

/// Bytes that a value of fixed width counts for.
pub(super) const FIXED_BYTES: usize = 8;

/// The sizes of the rows of a batch, in bytes.
pub(super) struct RowSizes<'b> {
    /// Exactly, but for nested columns.
    sizes: Vec<usize>,
    /// What measures the rows of nested columns, about.
    nested: Vec<Measure<'b>>,
}

/// The first rows of a batch that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fitting {
    /// How many; 0 when the very first is larger than a record may be.
    pub(super) rows: usize,
    /// Their size in bytes.
    pub(super) bytes: usize,
}

impl<'b> RowSizes<'b> {
    /// The sizes of rows that take so many bytes each beside their text. Nested values are measured as far as `most`
    /// bytes.
    pub(super) fn of(batch: &'b RecordBatch, bytes_beside_text: usize, most: usize) -> Self {
        let mut sizes = vec![bytes_beside_text; batch.num_rows()];
        let mut nested = Vec::new();
        for column in batch.columns() {
            let (values, _) = carried(column.data_type(), Extension::None);
            if values.is_nested() {
                nested.push(measure(column, most));
            } else if is_text(values) || is_binary(values) {
                add_text(column, &mut sizes);
            }
        }
        Self { sizes, nested }
    }

    /// The rows up to `batch_bytes`, and up to a row over `max_row_bytes`. A row that is only over it with its nested
    /// values stands alone: whether it is too large shows when they are written.
    pub(super) fn fitting(&self, batch_bytes: usize, max_row_bytes: usize) -> Fitting {
        let mut fitting = Fitting { rows: 0, bytes: 0 };
        for (row, flat) in self.sizes.iter().enumerate() {
            let nested = self.nested.iter().fold(0, |sum: usize, measure| sum.saturating_add(measure(row, row + 1)));
            let size = flat.saturating_add(nested);
            if *flat > max_row_bytes || (fitting.rows > 0 && fitting.bytes.saturating_add(size) > batch_bytes) {
                break;
            }
            fitting.rows += 1;
            fitting.bytes = fitting.bytes.saturating_add(size);
        }
        fitting
    }
}

/// Adds the lengths of a column of text or bytes to the sizes of its rows.
fn add_text(column: &dyn Array, sizes: &mut [usize]) {
    match column.data_type() {
        ArrowType::Utf8 => add(sizes, column.as_string::<i32>().offsets().lengths()),
        ArrowType::LargeUtf8 => add(sizes, column.as_string::<i64>().offsets().lengths()),
        ArrowType::Utf8View => add(sizes, column.as_string_view().lengths().map(|length| length as usize)),
        ArrowType::Binary => add(sizes, column.as_binary::<i32>().offsets().lengths().map(base64_len)),
        ArrowType::LargeBinary => add(sizes, column.as_binary::<i64>().offsets().lengths().map(base64_len)),
        ArrowType::BinaryView => {
            add(sizes, column.as_binary_view().lengths().map(|length| base64_len(length as usize)));
        }
        // The width of a UUID is that of its property, which is counted beside text.
        ArrowType::FixedSizeBinary(16) => {}
        ArrowType::FixedSizeBinary(width) => {
            let length = base64_len(usize::try_from(*width).unwrap_or(0));
            add(sizes, std::iter::repeat_n(length, column.len()));
        }
        ArrowType::Dictionary(..) | ArrowType::RunEndEncoded(..) | ArrowType::Union(..) => {
            add(sizes, (0..column.len()).map(length_of(column)));
        }
        _ => {}
    }
}

/// What finds the length of a value of text or bytes, by way of any encodings. Nothing is made of the values that no row
/// has: runs within a dictionary may say that there are any number of them.
fn length_of(array: &dyn Array) -> Box<dyn Fn(usize) -> usize + '_> {
    match array.data_type() {
        ArrowType::Utf8 => Box::new(|row| array.as_string::<i32>().value_length(row).as_usize()),
        ArrowType::LargeUtf8 => Box::new(|row| array.as_string::<i64>().value_length(row).as_usize()),
        ArrowType::Utf8View => {
            let views = array.as_string_view().views();
            Box::new(|row| view_length(views[row]))
        }
        ArrowType::Binary => Box::new(|row| base64_len(array.as_binary::<i32>().value_length(row).as_usize())),
        ArrowType::LargeBinary => Box::new(|row| base64_len(array.as_binary::<i64>().value_length(row).as_usize())),
        ArrowType::BinaryView => {
            let views = array.as_binary_view().views();
            Box::new(|row| base64_len(view_length(views[row])))
        }
        ArrowType::FixedSizeBinary(width) if *width != 16 => {
            let length = base64_len(usize::try_from(*width).unwrap_or(0));
            Box::new(move |_| length)
        }
        ArrowType::Dictionary(..) => {
            let (values, key) = keys(array);
            let length = length_of(values);
            Box::new(move |row| key(row).map_or(0, &length))
        }
        ArrowType::RunEndEncoded(..) => match runs(array) {
            Some((values, place)) => {
                let length = length_of(values);
                Box::new(move |row| length(place(row)))
            }
            None => Box::new(|_| 0),
        },
        ArrowType::Union(variants, _) => {
            let union = array.as_union();
            let lengths: Vec<_> = variants.iter().map(|(id, _)| (id, length_of(union.child(id)))).collect();
            Box::new(move |row| {
                let length = lengths.iter().find(|(id, _)| *id == union.type_id(row));
                length.map_or(0, |(_, length)| length(union.value_offset(row)))
            })
        }
        _ => Box::new(|_| 0),
    }
}

fn add(sizes: &mut [usize], lengths: impl Iterator<Item = usize>) {
    for (size, length) in sizes.iter_mut().zip(lengths) {
        *size = size.saturating_add(length);
    }
}

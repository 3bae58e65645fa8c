//! How much memory the rows of a batch take once they are written out: dictionaries, views and lists let few bytes of a
//! body stand for many.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType as ArrowType;

use super::measure::{Measure, measure};
use super::plain::runs;
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
        ArrowType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let lengths = lengths_of(dictionary.values());
            if !lengths.is_empty() {
                let keys = dictionary.normalized_keys();
                add(sizes, keys.into_iter().map(|key| lengths.get(key).copied().unwrap_or(0)));
            }
        }
        ArrowType::RunEndEncoded(..) => {
            if let Some((values, place)) = runs(column) {
                let lengths = lengths_of(values);
                add(sizes, (0..column.len()).map(|row| lengths.get(place(row)).copied().unwrap_or(0)));
            }
        }
        ArrowType::Union(variants, _) => {
            let union = column.as_union();
            for (id, _) in variants.iter() {
                let lengths = lengths_of(union.child(id));
                let length = |row| {
                    let place = (union.type_id(row) == id).then(|| union.value_offset(row));
                    place.and_then(|place| lengths.get(place)).copied().unwrap_or(0)
                };
                add(sizes, (0..column.len()).map(length));
            }
        }
        _ => {}
    }
}

/// The lengths of values that have bytes of their own: there are no more than the body has bytes.
fn lengths_of(values: &dyn Array) -> Vec<usize> {
    if values.data_type().is_null() {
        return Vec::new();
    }
    let mut lengths = vec![0; values.len()];
    add_text(values, &mut lengths);
    lengths
}

fn add(sizes: &mut [usize], lengths: impl Iterator<Item = usize>) {
    for (size, length) in sizes.iter_mut().zip(lengths) {
        *size = size.saturating_add(length);
    }
}

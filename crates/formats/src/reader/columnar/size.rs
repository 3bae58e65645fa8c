//! How much memory the rows of a batch take once they are written out: dictionaries and views let few bytes of a
//! body stand for many.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType as ArrowType;

/// Bytes that a value of fixed width counts for.
pub(super) const FIXED_BYTES: usize = 8;

/// The sizes of the rows of a batch, in bytes.
#[derive(Debug)]
pub(super) struct RowSizes {
    sizes: Vec<usize>,
}

/// The first rows of a batch that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fitting {
    /// How many; 0 when the very first is larger than a record may be.
    pub(super) rows: usize,
    /// Their size in bytes.
    pub(super) bytes: usize,
}

impl RowSizes {
    /// The sizes of rows that take so many bytes each beside their text.
    pub(super) fn of(batch: &RecordBatch, bytes_beside_text: usize) -> Self {
        let mut sizes = vec![bytes_beside_text; batch.num_rows()];
        for column in batch.columns() {
            add_text(column, &mut sizes);
        }
        Self { sizes }
    }

    /// The rows up to `batch_bytes`, and up to a row over `max_row_bytes`.
    pub(super) fn fitting(&self, batch_bytes: usize, max_row_bytes: usize) -> Fitting {
        let mut fitting = Fitting { rows: 0, bytes: 0 };
        for size in &self.sizes {
            if *size > max_row_bytes || (fitting.rows > 0 && fitting.bytes + size > batch_bytes) {
                break;
            }
            fitting.rows += 1;
            fitting.bytes += size;
        }
        fitting
    }
}

/// Adds the lengths of a column of text to the sizes of its rows; other columns are of fixed width.
fn add_text(column: &dyn Array, sizes: &mut [usize]) {
    match column.data_type() {
        ArrowType::Utf8 => add(sizes, column.as_string::<i32>().offsets().lengths()),
        ArrowType::LargeUtf8 => add(sizes, column.as_string::<i64>().offsets().lengths()),
        ArrowType::Utf8View => add(sizes, column.as_string_view().lengths().map(|length| length as usize)),
        ArrowType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let mut lengths = vec![0; dictionary.values().len()];
            if !lengths.is_empty() {
                add_text(dictionary.values(), &mut lengths);
                let keys = dictionary.normalized_keys();
                add(sizes, keys.into_iter().map(|key| lengths.get(key).copied().unwrap_or(0)));
            }
        }
        _ => {}
    }
}

fn add(sizes: &mut [usize], lengths: impl Iterator<Item = usize>) {
    for (size, length) in sizes.iter_mut().zip(lengths) {
        *size = size.saturating_add(length);
    }
}

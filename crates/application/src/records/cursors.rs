//! The cursors of the records of a scan.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use eider_domain::{Cursor, CursorError, Position, QueryFingerprint, RecordQuery, Schema, SortKey};
use eider_formats::value_at;

use crate::ports::StoreError;

/// Tells the records of a scan with positions from the positions behind them, and makes a cursor of each.
///
/// A cursor is good wherever its query is asked again: for the next page as for the rest of a stream.
#[derive(Debug, Clone)]
pub struct Cursors {
    fingerprint: QueryFingerprint,
    sort: Vec<SortKey>,
    /// How many columns stand before the positions.
    columns: usize,
}

impl Cursors {
    /// The cursors of a query.
    pub fn new(schema: &Schema, query: &RecordQuery) -> Self {
        let columns = query.projection.fields().len();
        Self { fingerprint: query.fingerprint(schema), sort: query.sort.clone(), columns }
    }

    /// The place that a cursor of the same query names.
    ///
    /// # Errors
    /// [`CursorError`] when the text is no cursor or belongs to another query.
    pub fn decode(&self, cursor: &str) -> Result<Position, CursorError> {
        Cursor::decode(cursor, &self.fingerprint, &self.sort)
    }

    /// The columns of a scan with positions without those of the positions.
    pub fn visible(&self, schema: &ArrowSchema) -> SchemaRef {
        ArrowSchema::new(schema.fields().iter().take(self.columns).cloned().collect::<Vec<_>>()).into()
    }

    /// The records of a scan with positions without their positions.
    ///
    /// # Errors
    /// `Internal` when the batch has fewer columns than the query.
    pub fn records(&self, rows: &RecordBatch) -> Result<RecordBatch, StoreError> {
        let visible: Vec<usize> = (0..self.columns).collect();
        rows.project(&visible).map_err(StoreError::of_columns)
    }

    /// The cursor of a row of a scan with positions.
    pub fn cursor(&self, rows: &RecordBatch, row: usize) -> String {
        let keys = self.sort.iter().enumerate().map(|(index, key)| {
            let column = rows.column(self.columns + index);
            value_at(key.field.data_type(), column, row)
        });
        let keys = keys.collect();
        let sequence = rows.column(self.columns + self.sort.len()).as_primitive::<Int64Type>().value(row);
        Cursor::encode(&self.fingerprint, &self.sort, &Position { keys, sequence })
    }
}

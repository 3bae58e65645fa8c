//! What statements yield: as one batch, or row by row.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use arrow_select::concat::concat_batches;
use duckdb::{Connection, params_from_iter};
use eider_application::ports::{StoreError, value_at};
use eider_domain::{DataType, Value};

use super::Statement;
use crate::columns::port_batch;
use crate::connection::settings::ScanBatch;
use crate::error::{arrow_error, store_error};
use crate::sql::Prepared;

/// What a query yields, as one batch; `None` when that would be of more than `most_bytes`.
///
/// # Errors
/// Whatever the engine fails with.
pub fn collect(
    connection: &Connection,
    statement: &Statement,
    schema: &SchemaRef,
    most_bytes: usize,
) -> Result<Option<RecordBatch>, StoreError> {
    let mut prepared = Prepared::new(connection, statement)?;
    let collected = collect_rows(&mut prepared, statement, schema, most_bytes);
    if !matches!(collected, Ok(Some(_))) {
        prepared.discard();
    }
    collected
}

fn collect_rows(
    prepared: &mut Prepared<'_>,
    statement: &Statement,
    schema: &SchemaRef,
    most_bytes: usize,
) -> Result<Option<RecordBatch>, StoreError> {
    let mut gathered = Gathered::default();
    for batch in prepared.stream_arrow(params_from_iter(statement.values.iter())).map_err(store_error)? {
        gathered.push(port_batch(&batch.map_err(store_error)?, schema)?);
        if gathered.bytes > most_bytes {
            return Ok(None);
        }
    }
    gathered.take(schema).map(Some)
}

/// Hands out each row of a query as values of these types.
///
/// # Errors
/// Whatever the engine fails with.
pub fn read(
    connection: &Connection,
    statement: &Statement,
    types: &[DataType],
    mut visit: impl FnMut(&[Value]),
) -> Result<(), StoreError> {
    let arrow = types.iter().map(|data_type| data_type.arrow_field("", true));
    let arrow = Arc::new(ArrowSchema::new(arrow.collect::<Vec<_>>()));
    let mut prepared = Prepared::new(connection, statement)?;
    let batches = prepared.stream_arrow(params_from_iter(statement.values.iter())).map_err(store_error)?;
    for batch in batches {
        let batch = port_batch(&batch.map_err(store_error)?, &arrow)?;
        for row in 0..batch.num_rows() {
            let cells = types.iter().zip(batch.columns());
            let values = cells.map(|(data_type, column)| value_at(*data_type, column, row));
            visit(&values.collect::<Vec<_>>());
        }
    }
    Ok(())
}

/// Batches of the engine on their way to one of ours.
#[derive(Default)]
pub(crate) struct Gathered {
    batches: Vec<RecordBatch>,
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    /// Whether the first batch has gone out; it goes as it is, so that the reader can begin.
    pub(crate) has_begun: bool,
}

impl Gathered {
    pub(crate) fn push(&mut self, batch: RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
    }

    pub(crate) fn is_full(&self, most: ScanBatch) -> bool {
        !self.has_begun || self.rows >= most.rows || self.bytes >= most.bytes
    }

    pub(crate) fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, StoreError> {
        let whole = concat_batches(schema, &self.batches).map_err(arrow_error);
        *self = Self { has_begun: true, ..Self::default() };
        whole
    }
}

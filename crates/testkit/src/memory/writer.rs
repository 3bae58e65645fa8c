//! Writes, staged until their commit.

use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_application::{BatchWriter, CommitOutcome, IdOrigin, StoreError, StoreErrorKind, WriteRequest};
use eider_domain::Value;

use super::conflicts::conflicts;
use super::faults::Operation;
use super::store::Shared;
use crate::column::rows_of;

#[derive(Debug)]
pub(super) struct MemoryWriter {
    pub(super) shared: Arc<Shared>,
    pub(super) request: WriteRequest,
    /// The table that the write began on.
    pub(super) incarnation: u64,
    pub(super) rows: Vec<Vec<Value>>,
    pub(super) is_lost: bool,
}

impl MemoryWriter {
    fn stage(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        self.shared.faults.strike(Operation::Append)?;
        if batch.schema_ref() != self.request.schema.arrow() {
            return Err(StoreError::new(StoreErrorKind::InvalidInput, "the batch has other columns than the schema"));
        }
        self.rows.extend(rows_of(batch));
        Ok(())
    }
}

#[async_trait]
impl BatchWriter for MemoryWriter {
    /// Checks every id at the commit, wherever it came from: the oracle trusts nobody.
    async fn append(&mut self, batch: RecordBatch, _ids: IdOrigin) -> Result<(), StoreError> {
        let staged = self.stage(&batch);
        self.is_lost |= staged.is_err();
        staged
    }

    async fn commit(self: Box<Self>) -> Result<CommitOutcome, StoreError> {
        self.shared.faults.strike(Operation::Commit)?;
        if self.is_lost {
            return Err(StoreError::new(StoreErrorKind::InvalidInput, "the write was lost when a batch was refused"));
        }
        let Self { shared, request, incarnation, rows, .. } = *self;
        shared.with_table(&request.schema, |table| {
            if table.incarnation != incarnation {
                return Err(StoreError::new(StoreErrorKind::NotFound, "the schema was made anew during the write"));
            }
            Ok(match conflicts(table, &rows, request.conflict_limit) {
                Some(conflicts) => CommitOutcome::Refused(conflicts),
                None => CommitOutcome::Committed(table.insert(rows)),
            })
        })?
    }
}

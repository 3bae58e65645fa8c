//! Writes, staged until their commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_application::ports::{
    BatchWriter, CommitOutcome, CommitTerms, Conflicts, EndedWrite, IdOrigin, StoreError, StoreErrorKind, WriteReceipt,
    WriteRequest,
};
use eider_domain::{RecordId, Schema, SystemField, Value};

use super::conflicts::{Resolution, Row, Target, resolve, shared_keys};
use super::faults::Operation;
use super::store::Shared;
use super::table::Table;
use crate::column::rows_of;

#[derive(Debug)]
pub(super) struct MemoryWriter {
    pub(super) shared: Arc<Shared>,
    pub(super) request: WriteRequest,
    /// The table that the write began on.
    pub(super) incarnation: u64,
    pub(super) rows: Vec<Row>,
    pub(super) is_lost: bool,
}

impl MemoryWriter {
    fn stage(&mut self, batch: &RecordBatch, ids: &IdOrigin) -> Result<(), StoreError> {
        self.shared.faults.strike(Operation::Append)?;
        if batch.schema_ref() != self.request.schema.arrow() {
            return Err(StoreError::new(StoreErrorKind::InvalidInput, "the batch has other columns than the schema"));
        }
        let rows = rows_of(batch).into_iter().enumerate();
        self.rows.extend(rows.map(|(row, values)| Row { values, has_own_id: ids.is_given(row) }));
        Ok(())
    }
}

#[async_trait]
impl BatchWriter for MemoryWriter {
    /// Checks every id at the commit, wherever it came from: the oracle trusts nobody.
    async fn append(&mut self, batch: RecordBatch, ids: IdOrigin) -> Result<(), StoreError> {
        let staged = self.stage(&batch, &ids);
        self.is_lost |= staged.is_err();
        staged
    }

    async fn commit(self: Box<Self>, terms: CommitTerms) -> Result<EndedWrite, StoreError> {
        self.shared.faults.strike(Operation::Commit)?;
        if self.is_lost {
            return Err(StoreError::new(StoreErrorKind::InvalidInput, "the write was lost when a batch was refused"));
        }
        let Self { shared, request, incarnation, rows, .. } = *self;
        let accepts = |current: &Schema| current.accepts_records_of(&request.schema);
        shared.with_version(&request.schema, accepts, |table| {
            if table.incarnation != incarnation {
                return Err(StoreError::new(StoreErrorKind::NotFound, "the schema was made anew during the write"));
            }
            Ok(store(table, &request, rows, &terms))
        })?
    }
}

fn store(table: &mut Table, request: &WriteRequest, rows: Vec<Row>, terms: &CommitTerms) -> EndedWrite {
    let resolution = resolve(table, &rows, request.on_conflict);
    let outcome = if resolution.refused.len() as u64 > terms.max_refused {
        CommitOutcome::Refused { rows: resolution.refused.len() as u64 }
    } else {
        CommitOutcome::Committed(store_accepted(table, request, rows, terms, &resolution))
    };
    EndedWrite { outcome, conflicts: Conflicts::of(resolution.conflicts) }
}

fn store_accepted(
    table: &mut Table,
    request: &WriteRequest,
    rows: Vec<Row>,
    terms: &CommitTerms,
    resolution: &Resolution,
) -> WriteReceipt {
    let (accepted, replaced) = accepted_of(table, rows, resolution);
    let Resolution { conflicts, refused, ignored, .. } = resolution;
    let updated = replaced.len() as u64;
    let mut receipt = WriteReceipt {
        created: accepted.len() as u64 - updated,
        updated,
        ignored: ignored.len() as u64,
        refused: refused.len() as u64,
        ..WriteReceipt::default()
    };
    if request.is_dry_run {
        return receipt;
    }
    if request.returns_ids {
        receipt.ids = accepted.iter().filter_map(|values| id_of(values)).collect();
    }
    if !accepted.is_empty() {
        let mut place = 0..;
        table.records.retain(|_| place.next().is_some_and(|place| !replaced.contains(&place)));
        let first = table.insert(accepted);
        receipt.shared = shared_keys(table, first);
        receipt.commit_seq = Some(table.commit());
    }
    if let Some(answer) = &terms.answer {
        let wanted = answer.wanted_conflicts().min(conflicts.len());
        table.answers.insert(answer.key.clone(), answer.complete(&receipt, &conflicts[..wanted]));
    }
    receipt
}

/// The records that accepted rows become, and the places of the stored ones that they replace.
fn accepted_of(
    table: &Table,
    rows: Vec<Row>,
    Resolution { refused, ignored, targets, .. }: &Resolution,
) -> (Vec<Vec<Value>>, BTreeSet<usize>) {
    let mut accepted = Vec::new();
    let mut replaced = BTreeSet::new();
    let ids: Vec<Value> = rows.iter().map(|row| row.values[SystemField::Id as usize].clone()).collect();
    for (row, Row { mut values, .. }) in (0..).zip(rows) {
        if refused.contains(&row) || ignored.contains(&row) {
            continue;
        }
        match targets.get(&row) {
            Some(Target::Stored(place)) => {
                let stored = &table.records[*place].values;
                for field in [SystemField::Id, SystemField::CreatedAt] {
                    values[field as usize] = stored[field as usize].clone();
                }
                if let Value::Integer(version) = &stored[SystemField::Version as usize] {
                    values[SystemField::Version as usize] = Value::Integer(version + 1);
                }
                replaced.insert(*place);
            }
            Some(Target::Row(first)) => {
                if let Some(id) = usize::try_from(*first).ok().and_then(|first| ids.get(first)) {
                    values[SystemField::Id as usize] = id.clone();
                }
            }
            None => {}
        }
        accepted.push(values);
    }
    (accepted, replaced)
}

/// The id of a record.
pub(super) fn id_of(values: &[Value]) -> Option<RecordId> {
    match values[SystemField::Id as usize] {
        Value::Uuid(id) => Some(RecordId::new(id)),
        _ => None,
    }
}

//! The one transaction of a write.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_select::filter::filter_record_batch;
use eider_application::ports::{
    AnswerToKeep, CommitOutcome, CommitTerms, EndedWrite, IdOrigin, StoreError, WriteReceipt, WriteRequest,
};
use eider_domain::{RecordId, SystemField};
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::columns::{engine_batch, engine_schema, ids_of};
use eider_engine_duckdb::connection::worker::{Decision, transaction};
use eider_engine_duckdb::error::{arrow_error, internal, store_error};

use crate::catalog::{self, Counters};
use crate::file::names;
use crate::table::Table;
use crate::table::identity::StoredIds;
use crate::table::places::Emptied;
use crate::write::conflicts::ConflictSpool;
use crate::write::staging::{Sealed, Staging};
use crate::write::unique_keys::{self, Keys, Resolution, keys_of};

/// Checks keys, appends every accepted row and commits. The caller holds the write lock of the
/// schema, whose counters these are; the counters after the commit are handed back when anything was stored.
pub(crate) fn commit(
    connection: &Connection,
    request: &WriteRequest,
    staging: Staging,
    terms: &CommitTerms,
    counters: Counters,
    ids: &mut StoredIds,
    table: &Table,
) -> Result<(EndedWrite, Option<Counters>), StoreError> {
    let schema = &request.schema;
    let rows = staging.rows();
    let has_given_ids = staging.origins().iter().any(IdOrigin::has_given);
    let mut keys = keys_of(schema, has_given_ids);
    let directory = staging.directory().to_owned();
    let mut batches = staging.seal()?;
    // Outside of the transaction, but under the write lock: nobody can store an id between this look and the commit.
    // Mostly all ids are new. Then there is nothing to resolve, and the table is not read for them.
    let mut candidates = None;
    if has_given_ids {
        ids.want(connection, schema, counters.commit_seq())?;
        if let Some(found) = unique_keys::candidates(&mut batches, rows, ids)? {
            candidates = Some(unique_keys::confirmed(connection, schema, &mut batches, found)?);
        }
        if candidates.as_ref().is_some_and(HashSet::is_empty) {
            // No id is stored and none comes twice.
            keys.remove(0);
        }
    }
    let wanted = terms.answer.as_ref().map_or(0, AnswerToKeep::wanted_conflicts);
    let mut conflicts = ConflictSpool::new(&keys, &directory, wanted);
    let mut change = None;
    let outcome = transaction(connection, || {
        let resolution = if keys.is_empty() {
            Resolution::default()
        } else {
            let keys = Keys { all: &keys, candidates: candidates.as_ref(), has_given_ids };
            unique_keys::resolve(connection, schema, &keys, request.on_conflict, &mut batches, &mut conflicts)?
        };
        if resolution.refused > terms.max_refused {
            return Ok(Decision::RollBack((CommitOutcome::Refused { rows: resolution.refused }, None)));
        }
        let stored = rows - resolution.excluded.len();
        let mut receipt = WriteReceipt {
            created: stored - resolution.updated,
            updated: resolution.updated,
            ignored: resolution.ignored,
            refused: resolution.refused,
            commit_seq: None,
            ids: Vec::new(),
            shared: Vec::new(),
        };
        if request.is_dry_run {
            return Ok(Decision::RollBack((CommitOutcome::Committed(receipt), None)));
        }
        let mut next = None;
        if stored > 0 {
            if resolution.updated > 0 {
                unique_keys::delete_targets(connection, schema)?;
            }
            let appended = i64::try_from(stored).map_err(|_| internal("a write has too many rows"))?;
            let mut append = Append {
                connection,
                request,
                resolution: &resolution,
                ids: &mut *ids,
                next_row: 0,
                receipt: &mut receipt,
            };
            append.run(&mut batches, counters.next_sequence())?;
            // The counters in memory move only once the engine has committed: after a rollback the same positions are
            // given again, and a number that was told to a client always has a commit.
            let after = counters.after(appended);
            receipt.commit_seq = Some(after.commit_seq());
            receipt.shared = unique_keys::shared(connection, schema, counters.next_sequence())?;
            next = Some(after);
        }
        if !keys.is_empty() {
            unique_keys::clear(connection)?;
        }
        // In the same transaction as the records. In one of its own, a crash in between would leave records whose
        // call is repeated, and stored twice.
        if let Some(answer) = &terms.answer {
            let kept = answer.complete(&receipt, conflicts.first());
            catalog::keep_answers(connection, schema, &HashMap::from([(answer.key.clone(), kept)]))?;
        }
        // From the commit on others may see it in the table.
        change = next.map(|_| table.contents.places.begin_change());
        Ok(Decision::Commit((CommitOutcome::Committed(receipt), next)))
    });
    let (outcome, next) = outcome?;
    if let Some(next) = next {
        let has_replaced = matches!(&outcome, CommitOutcome::Committed(receipt) if receipt.updated > 0);
        // Only the engine knows which.
        let emptied = if has_replaced { Emptied::Unknown } else { Emptied::Places(Vec::new()) };
        table.tell_of(connection, next, emptied);
    }
    drop(change);
    Ok((EndedWrite { outcome, conflicts: conflicts.into_conflicts() }, next))
}

/// The accepted rows of a write on their way into the table.
struct Append<'a> {
    connection: &'a Connection,
    request: &'a WriteRequest,
    resolution: &'a Resolution,
    ids: &'a mut StoredIds,
    /// The first row of the next batch, counted over the write.
    next_row: u64,
    receipt: &'a mut WriteReceipt,
}

impl Append<'_> {
    fn run(&mut self, batches: &mut Sealed, first_sequence: i64) -> Result<(), StoreError> {
        let schema = &self.request.schema;
        let new_appender =
            || self.connection.appender_to_db(&names::table_name(schema.name()), names::RECORDS).map_err(store_error);
        let arrow = engine_schema(schema);
        let mut sequence = first_sequence;
        let mut appender = new_appender()?;
        batches.for_each(|batch, _| {
            let first = self.next_row;
            self.next_row += batch.num_rows() as u64;
            let batch = accepted(self.connection, self.resolution, batch, first)?;
            if self.request.returns_ids {
                self.receipt.ids.extend(ids_of(&batch).map(RecordId::new));
            }
            // Before the commit. An id that the filter lacks counts as new and is not looked for, so it could come
            // twice. One that is noted and then rolled back only costs a lookup.
            self.ids.note(&batch);
            let batch = engine_batch(&batch, &arrow, sequence)?;
            sequence += i64::try_from(batch.num_rows()).map_err(|_| internal("a batch has too many rows"))?;
            if batch.num_rows() > 0 {
                appender.append_record_batch(batch).map_err(store_error)?;
            }
            Ok(())
        })?;
        appender.flush().map_err(store_error)
    }
}

/// The rows of a batch that are stored, with the ids, times of creation and versions of what they replace.
fn accepted(
    connection: &Connection,
    resolution: &Resolution,
    batch: RecordBatch,
    first: u64,
) -> Result<RecordBatch, StoreError> {
    let end = first + batch.num_rows() as u64;
    let batch = if resolution.has_targets {
        replacing(&batch, &unique_keys::targets(connection, first, end)?, first)?
    } else {
        batch
    };
    if resolution.excluded.is_empty() || resolution.excluded.range_cardinality(first..end) == 0 {
        return Ok(batch);
    }
    let keep: BooleanArray = (first..end).map(|row| Some(!resolution.excluded.contains(row))).collect();
    filter_record_batch(&batch, &keep).map_err(arrow_error)
}

fn replacing(batch: &RecordBatch, targets: &[unique_keys::Target], first: u64) -> Result<RecordBatch, StoreError> {
    if targets.is_empty() {
        return Ok(batch.clone());
    }
    let column = |field: SystemField| batch.column(field as usize);
    let ids = column(SystemField::Id).as_fixed_size_binary();
    let mut new_ids = FixedSizeBinaryBuilder::with_capacity(batch.num_rows(), 16);
    let mut created_at = column(SystemField::CreatedAt).as_primitive::<TimestampMicrosecondType>().values().to_vec();
    let mut versions = column(SystemField::Version).as_primitive::<Int64Type>().values().to_vec();
    let mut targets = targets.iter().peekable();
    for row in 0..batch.num_rows() {
        match targets.next_if(|target| target.row == first + row as u64) {
            Some(target) => {
                new_ids.append_value(target.id.as_bytes()).map_err(arrow_error)?;
                created_at[row] = target.created_at.unwrap_or(created_at[row]);
                versions[row] = target.version + 1;
            }
            None => new_ids.append_value(ids.value(row)).map_err(arrow_error)?,
        }
    }
    let mut columns = batch.columns().to_vec();
    columns[SystemField::Id as usize] = Arc::new(new_ids.finish());
    columns[SystemField::CreatedAt as usize] =
        Arc::new(TimestampMicrosecondArray::from(created_at).with_timezone("UTC"));
    columns[SystemField::Version as usize] = Arc::new(Int64Array::from(versions));
    RecordBatch::try_new(batch.schema(), columns).map_err(arrow_error)
}

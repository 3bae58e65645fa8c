//! The one transaction of a write.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType, Field, Metadata, Schema as ArrowSchema, SchemaRef, TimeUnit};
use duckdb::Connection;
use eider_application::{CommitOutcome, CommitReceipt, POSITION_SEQUENCE, StoreError};
use eider_domain::Schema;

use crate::catalog::{self, Counters};
use crate::error::{arrow_error, internal, store_error};
use crate::ident;
use crate::keys::{find_conflicts, key_fields};
use crate::staging::Staging;
use crate::worker::{Decision, transaction};

/// Checks keys, appends every staged batch, advances the counters and commits. The caller holds the gate of the
/// schema, whose counters these are; they move only when the commit succeeds.
pub(crate) fn commit(
    connection: &Connection,
    schema: &Schema,
    staging: Staging,
    conflict_limit: usize,
    counters: &mut Counters,
) -> Result<CommitOutcome, StoreError> {
    let rows = i64::try_from(staging.rows()).map_err(|_| internal("a write has too many rows"))?;
    let fields = key_fields(schema, staging.origins());
    let mut batches = staging.seal()?;
    let next = counters.after(rows);
    let outcome = transaction(connection, || {
        if !fields.is_empty()
            && let Some(conflicts) = find_conflicts(connection, schema, &fields, &mut batches, conflict_limit)?
        {
            return Ok(Decision::RollBack(CommitOutcome::Refused(conflicts)));
        }
        let mut appender =
            connection.appender_to_db(&ident::table_name(schema.name()), ident::RECORDS).map_err(store_error)?;
        let arrow = engine_schema(schema);
        let mut sequence = counters.next_sequence;
        batches.for_each(|batch, _| {
            let first = sequence;
            sequence += i64::try_from(batch.num_rows()).map_err(|_| internal("a batch has too many rows"))?;
            appender.append_record_batch(engine_batch(&batch, &arrow, first)?).map_err(store_error)
        })?;
        appender.flush().map_err(store_error)?;
        drop(appender);
        catalog::advance(connection, schema, next)?;
        let receipt = CommitReceipt { rows: rows.unsigned_abs(), commit_seq: next.commit_seq.unsigned_abs() };
        Ok(Decision::Commit(CommitOutcome::Committed(receipt)))
    })?;
    if matches!(outcome, CommitOutcome::Committed(_)) {
        *counters = next;
    }
    Ok(outcome)
}

/// The columns of the table as the appender takes them.
fn engine_schema(schema: &Schema) -> SchemaRef {
    let columns = schema.arrow().fields().iter().map(|field| engine_field(field));
    let sequence = Field::new(POSITION_SEQUENCE, DataType::Int64, false);
    Arc::new(ArrowSchema::new(columns.chain([sequence]).collect::<Vec<_>>()))
}

fn engine_batch(batch: &RecordBatch, schema: &SchemaRef, first_sequence: i64) -> Result<RecordBatch, StoreError> {
    let last = first_sequence + i64::try_from(batch.num_rows()).map_err(|_| internal("a batch has too many rows"))?;
    let sequence: ArrayRef = Arc::new(Int64Array::from_iter_values(first_sequence..last));
    let columns = batch.columns().iter().map(engine_array).chain([sequence]).collect();
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(arrow_error)
}

/// A field with the type that the table's column has: instants without their zone, JSON as text. Otherwise the
/// appender would cast each value.
pub(crate) fn engine_field(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => other.clone(),
    };
    let is_uuid = field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|name| name == "arrow.uuid");
    let metadata = if is_uuid { field.metadata().clone() } else { Metadata::default() };
    Field::new(field.name(), data_type, field.is_nullable()).with_metadata(metadata)
}

/// A column with the type of its [`engine_field`].
pub(crate) fn engine_array(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            Arc::new(array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone_opt(None::<Arc<str>>))
        }
        _ => Arc::clone(array),
    }
}

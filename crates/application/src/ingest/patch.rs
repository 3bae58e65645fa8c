//! Changing the properties of a stored record.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use eider_domain::{
    RECORD_FIELD_COUNT, RecordId, RecordValidator, Schema, SystemField, Timestamp, Value, ValueRef, Violation,
    ViolationCode,
};
use eider_formats::json::read_patch;
use eider_formats::value_at;
use eider_formats::{RecordBuilder, too_large};

use super::assembler::into_batch;
use super::read_only::GivenReadOnly;
use super::service::version_of;
use super::{IngestLimits, arrow_fault, invalid_record};
use crate::Error;
use crate::ports::{IdGenerator, StoreError};

/// The properties of a record after a merge patch (RFC 7396), as a batch of one row; its other fields are those of a
/// new one.
///
/// # Errors
/// [`Error::MalformedJson`], [`Error::RecordInvalid`] with every violation.
pub fn apply(
    schema: &Arc<Schema>,
    id: RecordId,
    current: &RecordBatch,
    patch: &[u8],
    limits: &IngestLimits,
    ids: &dyn IdGenerator,
) -> Result<RecordBatch, Error> {
    let columns = schema.properties().iter().zip(&current.columns()[RECORD_FIELD_COUNT..]);
    let values: Vec<Value> = columns.map(|(property, column)| value_at(property.data_type, column, 0)).collect();
    let mut row: Vec<ValueRef<'_>> = values.iter().map(Value::borrowed).collect();
    let differences = GivenReadOnly::of(patch).differences(current);
    if !differences.is_empty() {
        return Err(Error::RecordInvalid(differences));
    }
    let validator = RecordValidator::new(schema).with_json_depth(limits.max_json_depth);
    let mut check = validator.ignoring_read_only(true).keeping_own_names(true).check();
    let given = read_patch(patch, schema, &mut check, &mut row).map_err(invalid_record)?;
    if given.is_some_and(|given| given != *id.as_uuid()) {
        return Err(Error::RecordInvalid(vec![other_id()]));
    }
    let nested = row.iter().map(|value| if let ValueRef::Json(text) = value { text.len() } else { 0 });
    if nested.sum::<usize>() > limits.max_record_bytes {
        return Err(Error::RecordInvalid(vec![too_large(limits.max_record_bytes)]));
    }
    let mut builder = RecordBuilder::new(schema);
    builder.append(Some(*id.as_uuid()), &mut row);
    Ok(into_batch(builder.finish(), schema, Timestamp::from_micros(0), ids)?.records)
}

/// The violation of a body that names another id than its path.
pub(super) fn other_id() -> Violation {
    Violation::new("/id", ViolationCode::ReadOnly, "the id is not that of the path; a record keeps its id")
}

/// A record in the place of the current one: with its id and time of creation, and the next version.
pub(super) fn successor(
    record: &RecordBatch,
    current: &RecordBatch,
    now: Timestamp,
) -> Result<RecordBatch, StoreError> {
    let mut columns = record.columns().to_vec();
    for field in [SystemField::Id, SystemField::CreatedAt] {
        columns[field as usize] = Arc::clone(current.column(field as usize));
    }
    let updated_at = TimestampMicrosecondArray::from(vec![now.as_micros()]).with_timezone("UTC");
    columns[SystemField::UpdatedAt as usize] = Arc::new(updated_at) as ArrayRef;
    let version = version_of(current).next().as_i64();
    columns[SystemField::Version as usize] = Arc::new(Int64Array::from(vec![version])) as ArrayRef;
    RecordBatch::try_new(record.schema(), columns).map_err(arrow_fault)
}

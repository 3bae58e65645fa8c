//! The one transaction of a group of changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use eider_application::ports::{
    Change, ChangeOutcome, ConflictingKey, IdOrigin, KeyConflict, StoreError, WriteReceipt, value_at,
};
use eider_domain::{DataType, Field, Schema, SystemField, Value, Version};
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::columns::ids_of;
use eider_engine_duckdb::connection::worker::{Decision, transaction};
use eider_engine_duckdb::error::{arrow_error, internal, store_error};
use eider_engine_duckdb::sql::rows::read;
use uuid::Uuid;

use crate::catalog::Counters;
use crate::sql;
use crate::table::flush;
use crate::table::identity::StoredIds;
use crate::table::pending::{Committed, Part};
use crate::write::unique_keys::keys_of;

/// The record that a change is about.
pub(crate) fn id_of(change: &Change) -> Uuid {
    match change {
        Change::Create { record, .. } | Change::Replace { record, .. } => ids_of(record).next().unwrap_or_default(),
        Change::Delete { id, .. } => *id.as_uuid(),
    }
}

/// Memory of the record that a change brings.
pub(crate) fn bytes_of(change: &Change) -> usize {
    match change {
        Change::Create { record, .. } | Change::Replace { record, .. } => record.get_array_memory_size(),
        Change::Delete { .. } => 0,
    }
}

/// Applies changes of different records in one transaction: how each ended, and the counters afterwards when
/// anything was changed.
///
/// Each is resolved by what was stored before the group and by the values that those before it claim; a value that
/// a change of the group gives up is free for the next group.
pub(crate) fn apply(
    connection: &Connection,
    schema: &Schema,
    changes: &[Change],
    counters: Counters,
    ids: &mut StoredIds,
) -> Result<(Vec<ChangeOutcome>, Option<Counters>), StoreError> {
    if changes.iter().any(|change| matches!(change, Change::Create { ids: IdOrigin::Client, .. })) {
        ids.want(connection, schema, counters.commit_seq())?;
    }
    transaction(connection, || {
        let mut refusals = refused_by_id(connection, schema, changes, ids)?;
        refuse_by_unique_values(connection, schema, changes, &mut refusals)?;
        let accepted = changes.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none()).map(|(change, _)| change);
        let Some(committed) = committed(schema, accepted, counters)? else {
            return Ok(Decision::RollBack((refusals.into_iter().flatten().collect(), None)));
        };
        if let Some(records) = &committed.records {
            ids.note(records);
        }
        let (first, next) = (committed.first, committed.after);
        let records = committed.records.as_ref().map_or(0, RecordBatch::num_rows);
        flush::write(connection, schema, &Part::of(committed))?;
        let mut shared = shared_keys(connection, schema, first, records)?.into_iter();
        let outcomes = changes.iter().zip(refusals).map(|(change, refusal)| {
            let committed = || {
                let shared = if matches!(change, Change::Delete { .. }) { None } else { shared.next() };
                ChangeOutcome::Committed { commit_seq: next.commit_seq(), shared: shared.unwrap_or_default() }
            };
            refusal.unwrap_or_else(committed)
        });
        Ok(Decision::Commit((outcomes.collect(), Some(next))))
    })
}

/// What changes that were accepted make of a schema; `None` when there are none.
///
/// # Errors
/// `Internal` when a record has other columns than the schema.
pub(crate) fn committed<'c>(
    schema: &Schema,
    accepted: impl Iterator<Item = &'c Change>,
    before: Counters,
) -> Result<Option<Committed>, StoreError> {
    let (mut records, mut gone, mut kept, mut is_empty) = (Vec::<&RecordBatch>::new(), Vec::new(), Vec::new(), true);
    for change in accepted {
        is_empty = false;
        match change {
            Change::Create { record, answer, .. } => {
                records.push(record);
                kept.extend(answer);
            }
            Change::Replace { record, .. } => {
                gone.push(id_of(change));
                records.push(record);
            }
            Change::Delete { .. } => gone.push(id_of(change)),
        }
    }
    if is_empty {
        return Ok(None);
    }
    let rows = i64::try_from(records.len()).map_err(|_| internal("a group is too large"))?;
    let after = before.after(rows);
    let receipt = WriteReceipt { created: 1, commit_seq: Some(after.commit_seq()), ..WriteReceipt::default() };
    let answers = kept.into_iter().map(|answer| (answer.key.clone(), answer.complete(&receipt, &[]))).collect();
    let records = match records.as_slice() {
        [] => None,
        // Its columns are those of the schema as it is now, its schema may be that of a version before.
        [record] => {
            let (arrow, columns) = (Arc::clone(schema.arrow()), record.columns().to_vec());
            Some(RecordBatch::try_new(arrow, columns).map_err(arrow_error)?)
        }
        _ => Some(concat_batches(schema.arrow(), records).map_err(arrow_error)?),
    };
    Ok(Some(Committed { records, gone, answers, keys: Vec::new(), first: before.next_sequence(), after }))
}

/// For each of the records that were appended from a place on, the keys that it shares with one before it and should not.
fn shared_keys(
    connection: &Connection,
    schema: &Schema,
    first: i64,
    records: usize,
) -> Result<Vec<Vec<Vec<Field>>>, StoreError> {
    let mut shared = vec![Vec::new(); records];
    if records == 0 {
        return Ok(shared);
    }
    for fields in schema.soft_unique_keys() {
        let mut statement = connection.prepare(&sql::sharing(schema, &fields, first)).map_err(store_error)?;
        let places = statement.query_map([], |row| row.get::<_, i64>(0)).map_err(store_error)?;
        for place in places {
            let record = usize::try_from(place.map_err(store_error)? - first).unwrap_or(records);
            if let Some(keys) = shared.get_mut(record) {
                keys.push(fields.clone());
            }
        }
    }
    Ok(shared)
}

/// Refuses changes of records that are not there or not of the expected version, and creations under a taken id.
fn refused_by_id(
    connection: &Connection,
    schema: &Schema,
    changes: &[Change],
    stored: &StoredIds,
) -> Result<Vec<Option<ChangeOutcome>>, StoreError> {
    let named = changes.iter().filter(|change| names_record(change)).map(id_of);
    let ids: Vec<Uuid> = named.filter(|id| !stored.excludes(id.as_bytes())).collect();
    stored.count_lookups(ids.len());
    let versions = if ids.is_empty() { HashMap::new() } else { versions_of(connection, schema, &ids)? };
    Ok(changes.iter().map(|change| refusal(change, versions.get(&id_of(change)).copied())).collect())
}

/// Whether a change is about a record that may be stored: all but creations under ids of the server.
pub(crate) fn names_record(change: &Change) -> bool {
    !matches!(change, Change::Create { ids: IdOrigin::Generated, .. })
}

/// Why a change is refused, by the version of the record that is stored under its id.
pub(crate) fn refusal(change: &Change, found: Option<Version>) -> Option<ChangeOutcome> {
    match (change, found) {
        (Change::Create { ids: IdOrigin::Generated, .. }, _)
        | (Change::Create { .. }, None)
        | (Change::Delete { expected: None, .. }, Some(_)) => None,
        (Change::Create { .. }, Some(_)) => Some(conflict(vec![Field::System(SystemField::Id)])),
        (Change::Replace { .. } | Change::Delete { .. }, None) => Some(ChangeOutcome::Missing),
        (Change::Replace { expected, .. } | Change::Delete { expected: Some(expected), .. }, Some(version)) => {
            (version != *expected).then_some(ChangeOutcome::Stale)
        }
    }
}

fn conflict(fields: Vec<Field>) -> ChangeOutcome {
    ChangeOutcome::Conflict(vec![KeyConflict { row: 0, fields, with: ConflictingKey::Stored }])
}

/// Refuses changes whose unique values are those of another record, or of a change before them.
fn refuse_by_unique_values(
    connection: &Connection,
    schema: &Schema,
    changes: &[Change],
    refusals: &mut [Option<ChangeOutcome>],
) -> Result<(), StoreError> {
    let keys = keys_of(schema, false);
    if keys.is_empty() {
        return Ok(());
    }
    let values_of = |change: &Change, fields: &[Field]| -> Option<Vec<Value>> {
        let (Change::Create { record, .. } | Change::Replace { record, .. }) = change else { return None };
        let values = fields.iter().map(|field| value_at(field.data_type(), record.column(field.column()), 0));
        values.map(|value| (value != Value::Null).then_some(value)).collect()
    };
    let mut holders = Vec::new();
    for fields in &keys {
        let open = changes.iter().zip(refusals.iter()).filter(|(_, refusal)| refusal.is_none());
        let values: Vec<_> = open.filter_map(|(change, _)| values_of(change, fields)).collect();
        holders.push(holders_of(connection, schema, fields, &values)?);
    }
    let mut claimed: Vec<HashSet<Vec<String>>> = vec![HashSet::new(); keys.len()];
    for (change, refusal) in changes.iter().zip(refusals.iter_mut()).filter(|(_, refusal)| refusal.is_none()) {
        let own: Vec<Option<Vec<String>>> =
            keys.iter().map(|fields| text_of(fields, &values_of(change, fields)?)).collect();
        let taken = |index: usize| {
            let Some(key) = &own[index] else { return false };
            let is_held = holders[index].get(key).is_some_and(|holder| *holder != id_of(change));
            is_held || claimed[index].contains(key)
        };
        let conflicts: Vec<KeyConflict> = (0..keys.len())
            .filter(|index| taken(*index))
            .map(|index| KeyConflict { row: 0, fields: keys[index].clone(), with: ConflictingKey::Stored })
            .collect();
        if !conflicts.is_empty() {
            *refusal = Some(ChangeOutcome::Conflict(conflicts));
            continue;
        }
        for (claimed, key) in claimed.iter_mut().zip(own) {
            claimed.extend(key);
        }
    }
    Ok(())
}

/// The same texts for values that are equal, none where one is null.
fn text_of(fields: &[Field], values: &[Value]) -> Option<Vec<String>> {
    let text = |(field, value): (&Field, &Value)| match value {
        // Zero has two signs, and they are equal.
        Value::Number(0.0) => Some("0".to_owned()),
        value => value.text(field.data_type()),
    };
    fields.iter().zip(values).map(text).collect()
}

/// The versions of those records that there are.
pub(crate) fn versions_of(
    connection: &Connection,
    schema: &Schema,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Version>, StoreError> {
    let mut versions = HashMap::with_capacity(ids.len());
    read(connection, &sql::versions(schema, ids), &[DataType::Uuid, DataType::Integer], |row| {
        if let [Value::Uuid(id), Value::Integer(version)] = row {
            versions.insert(*id, Version::from_i64(*version));
        }
    })?;
    Ok(versions)
}

/// The records that hold one of these values of a unique key, by the texts of the values.
fn holders_of(
    connection: &Connection,
    schema: &Schema,
    fields: &[Field],
    values: &[Vec<Value>],
) -> Result<HashMap<Vec<String>, Uuid>, StoreError> {
    let mut holders = HashMap::new();
    if values.is_empty() {
        return Ok(holders);
    }
    let types: Vec<DataType> = [DataType::Uuid].into_iter().chain(fields.iter().map(Field::data_type)).collect();
    read(connection, &sql::holders(schema, fields, values), &types, |row| {
        if let [Value::Uuid(id), values @ ..] = row
            && let Some(key) = text_of(fields, values)
        {
            holders.insert(key, *id);
        }
    })?;
    Ok(holders)
}

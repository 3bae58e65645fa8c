//! Changes of single records.

use eider_application::ports::{Change, ChangeOutcome, ConflictingKey, KeyConflict, WriteReceipt};
use eider_domain::{Field, SystemField, Value, Version};

use super::conflicts::{key, shared_keys, unique_keys};
use super::table::Table;
use super::writer::id_of;
use crate::column::rows_of;

/// Applies a change in a commit of its own.
pub(super) fn apply(table: &mut Table, change: &Change) -> ChangeOutcome {
    let (id, expected, is_create) = match change {
        Change::Create { record, .. } => (rows_of(record).first().and_then(|row| id_of(row)), None, true),
        Change::Replace { record, expected } => {
            (rows_of(record).first().and_then(|row| id_of(row)), Some(*expected), false)
        }
        Change::Delete { id, expected } => (Some(*id), *expected, false),
    };
    let place = table.records.iter().position(|record| id_of(&record.values) == id);
    let Some(place) = place.or(is_create.then_some(usize::MAX)) else { return ChangeOutcome::Missing };
    if let Some(stored) = table.records.get(place)
        && let Value::Integer(version) = stored.values[SystemField::Version as usize]
        && expected.is_some_and(|expected| expected != Version::from_i64(version))
    {
        return ChangeOutcome::Stale;
    }
    let row = match change {
        Change::Create { record, .. } | Change::Replace { record, .. } => rows_of(record).into_iter().next(),
        Change::Delete { .. } => None,
    };
    if let Some(row) = &row {
        let is_other = |other: usize| is_create || other != place;
        let is_taken = |fields: &Vec<Field>| {
            let wanted = key(fields, row);
            let mut others = table.records.iter().enumerate().filter(|(other, _)| is_other(*other));
            wanted.is_some() && others.any(|(_, record)| key(fields, &record.values) == wanted)
        };
        let conflicts: Vec<KeyConflict> = unique_keys(&table.schema)
            .filter(is_taken)
            .map(|fields| KeyConflict { row: 0, fields, with: ConflictingKey::Stored })
            .collect();
        if !conflicts.is_empty() {
            return ChangeOutcome::Conflict(conflicts);
        }
    }
    if !is_create {
        table.records.remove(place);
    }
    let mut shared = Vec::new();
    let commit_seq = match row {
        Some(row) => {
            let first = table.insert(vec![row]);
            shared.extend(shared_keys(table, first).into_iter().map(|key| key.fields));
            table.commit()
        }
        None => table.commit_deletion(),
    };
    if let Change::Create { answer: Some(answer), .. } = change {
        let receipt = WriteReceipt { created: 1, commit_seq: Some(commit_seq), ..WriteReceipt::default() };
        table.answers.insert(answer.key.clone(), answer.complete(&receipt, &[]));
    }
    ChangeOutcome::Committed { commit_seq, shared }
}

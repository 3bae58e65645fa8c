//! Keys that two records would share, and what becomes of the rows that have them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use eider_application::{ConflictingKey, KeyConflict, OnConflict, SharedKey};
use eider_domain::{DataType, Field, Schema, SystemField, Value};

use super::table::Table;

/// What becomes of the rows of a write.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Why rows are refused, ordered by row.
    pub(super) conflicts: Vec<KeyConflict>,
    /// Rows that are refused.
    pub(super) refused: BTreeSet<u64>,
    /// Rows that are passed over.
    pub(super) ignored: BTreeSet<u64>,
    /// The stored record, by its place in the table, that each of these rows replaces.
    pub(super) targets: BTreeMap<u64, usize>,
}

/// Decides on every row of a write.
pub(super) fn judge(table: &Table, rows: &[Vec<Value>], on_conflict: OnConflict) -> Verdict {
    match on_conflict {
        OnConflict::Replace => replacements(table, rows),
        OnConflict::Error | OnConflict::Ignore => {
            let conflicts = taken(table, rows);
            let conflicting = conflicts.iter().map(|conflict| conflict.row).collect();
            match on_conflict {
                OnConflict::Ignore => Verdict { ignored: conflicting, ..Verdict::default() },
                _ => Verdict { conflicts, refused: conflicting, ..Verdict::default() },
            }
        }
    }
}

/// The rows whose key is taken. A key that is stored already conflicts as stored with every row that has it; else
/// every row but the first conflicts with the first.
fn taken(table: &Table, rows: &[Vec<Value>]) -> Vec<KeyConflict> {
    let mut conflicts = Vec::new();
    for fields in unique_keys(&table.schema) {
        let stored = stored_keys(table, &fields);
        let mut first_rows = HashMap::new();
        for (row, values) in (0..).zip(rows) {
            let Some(key) = key(&fields, values) else { continue };
            let with = if stored.contains_key(&key) {
                ConflictingKey::Stored
            } else {
                match *first_rows.entry(key).or_insert(row) {
                    first if first == row => continue,
                    first => ConflictingKey::Row(first),
                }
            };
            conflicts.push(KeyConflict { row, fields: fields.clone(), with });
        }
    }
    conflicts.sort_by_key(|conflict| conflict.row);
    conflicts
}

fn replacements(table: &Table, rows: &[Vec<Value>]) -> Verdict {
    let mut verdict = Verdict::default();
    let keys: Vec<Vec<Field>> = unique_keys(&table.schema).collect();
    for fields in &keys {
        let mut last_rows = HashMap::new();
        for (row, values) in (0..).zip(rows) {
            if let Some(earlier) = key(fields, values).and_then(|key| last_rows.insert(key, row)) {
                verdict.ignored.insert(earlier);
            }
        }
    }
    let stored: Vec<_> = keys.iter().map(|fields| stored_keys(table, fields)).collect();
    let mut last_for = HashMap::new();
    for (row, values) in (0..).zip(rows) {
        if verdict.ignored.contains(&row) {
            continue;
        }
        let matches = keys.iter().zip(&stored).enumerate();
        let matches: Vec<(usize, usize)> = matches
            .filter_map(|(index, (fields, stored))| Some((index, *stored.get(&key(fields, values)?)?)))
            .collect();
        let records: BTreeSet<usize> = matches.iter().map(|(_, record)| *record).collect();
        match (records.len(), matches.last()) {
            (0, _) | (_, None) => {}
            (1, Some((_, record))) => {
                verdict.targets.insert(row, *record);
                if let Some(earlier) = last_for.insert(*record, row) {
                    verdict.targets.remove(&earlier);
                    verdict.ignored.insert(earlier);
                }
            }
            (_, Some((index, _))) => {
                verdict.refused.insert(row);
                let (fields, with) = (keys[*index].clone(), ConflictingKey::SeveralRecords);
                verdict.conflicts.push(KeyConflict { row, fields, with });
            }
        }
    }
    verdict
}

/// The places of stored records by their key.
fn stored_keys(table: &Table, fields: &[Field]) -> HashMap<Vec<String>, usize> {
    let records = table.records.iter().enumerate();
    records.filter_map(|(place, record)| Some((key(fields, &record.values)?, place))).collect()
}

/// The id, the unique properties, and the keys of several.
pub(super) fn unique_keys(schema: &Schema) -> impl Iterator<Item = Vec<Field>> {
    let unique = schema.indexes().into_iter().filter(|index| index.is_unique);
    std::iter::once(vec![Field::System(SystemField::Id)]).chain(unique.map(|index| index.fields))
}

/// Of the records from a number on, how many share a key with one before them that they should not.
pub(super) fn shared_keys(table: &Table, first: i64) -> Vec<SharedKey> {
    let shared = table.schema.wished_keys().into_iter().map(|fields| {
        let mut seen = HashSet::new();
        let repeated = table.records.iter().filter_map(|record| {
            let is_repeated = !seen.insert(key(&fields, &record.values)?);
            (is_repeated && record.sequence >= first).then_some(())
        });
        let records = repeated.count() as u64;
        SharedKey { fields, records }
    });
    shared.filter(|key| key.records > 0).collect()
}

/// The key of a record's values of fields: equal values have equal keys, and where one is null there is none.
pub(super) fn key(fields: &[Field], values: &[Value]) -> Option<Vec<String>> {
    fields.iter().map(|field| key_of(field.data_type(), &values[field.column()])).collect()
}

/// The same text for values that are equal.
pub(super) fn key_of(data_type: DataType, value: &Value) -> Option<String> {
    match value {
        // Zero has two signs, and they are equal.
        Value::Number(0.0) => Some("0".to_owned()),
        other => other.text(data_type),
    }
}

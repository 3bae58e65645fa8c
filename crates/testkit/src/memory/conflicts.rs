//! Keys that two records would share.

use std::collections::{BTreeSet, HashMap, HashSet};

use eider_application::{ConflictingKey, KeyConflict, KeyConflicts};
use eider_domain::{DataType, Field, Schema, SystemField, Value};

use super::table::Table;

/// What keeps a write from being committed, if anything does.
///
/// A key that is stored already conflicts as stored with every row that has it; else every row but the first
/// conflicts with the first.
pub(super) fn conflicts(table: &Table, rows: &[Vec<Value>], limit: usize) -> Option<KeyConflicts> {
    let mut conflicts = Vec::new();
    for field in unique_fields(&table.schema) {
        let key = |values: &[Value]| key(field.data_type(), &values[field.column()]);
        let stored: HashSet<String> = table.records.iter().filter_map(|record| key(&record.values)).collect();
        let mut first_rows = HashMap::new();
        for (row, values) in (0..).zip(rows) {
            let Some(key) = key(values) else { continue };
            let with = if stored.contains(&key) {
                ConflictingKey::Stored
            } else {
                match *first_rows.entry(key).or_insert(row) {
                    first if first == row => continue,
                    first => ConflictingKey::Row(first),
                }
            };
            conflicts.push(KeyConflict { row, field: field.clone(), with });
        }
    }
    if conflicts.is_empty() {
        return None;
    }
    conflicts.sort_by_key(|conflict| conflict.row);
    let rows = conflicts.iter().map(|conflict| conflict.row).collect::<BTreeSet<_>>().len() as u64;
    conflicts.truncate(limit);
    Some(KeyConflicts { conflicts, rows })
}

fn unique_fields(schema: &Schema) -> impl Iterator<Item = Field> {
    let is_unique = |field: &Field| match field {
        Field::System(field) => *field == SystemField::Id,
        Field::Property { index, .. } => schema.properties()[*index].is_unique,
    };
    schema.fields().into_iter().filter(is_unique)
}

/// The key of a value: equal values have equal keys, null has none.
fn key(data_type: DataType, value: &Value) -> Option<String> {
    match value {
        // Zero has two signs, and they are equal.
        Value::Number(0.0) => Some("0".to_owned()),
        other => other.text(data_type),
    }
}

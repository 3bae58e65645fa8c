//! Keys that two records would share, and how the rows that have them are resolved.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use eider_application::ports::{ConflictingKey, KeyConflict, OnConflict, SharedKey};
use eider_domain::{DataType, Field, Schema, SystemField, Value};

use super::table::Table;

/// How the conflicts of a write are resolved: the outcome of each row.
#[derive(Debug, Default)]
pub(super) struct Resolution {
    /// Why rows are refused, ordered by row.
    pub(super) conflicts: Vec<KeyConflict>,
    /// Rows that are refused.
    pub(super) refused: BTreeSet<u64>,
    /// Rows that are passed over.
    pub(super) ignored: BTreeSet<u64>,
    /// What each of these rows replaces.
    pub(super) targets: BTreeMap<u64, Target>,
}

/// What a row replaces.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// A stored record, by its place in the table.
    Stored(usize),
    /// The record that this row of the write made.
    Row(u64),
}

/// A row of a write.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) values: Vec<Value>,
    /// Whether a client gave its id.
    pub(super) has_own_id: bool,
}

/// The text of a key, none where a part of it is null.
type Key = Option<Vec<String>>;

/// A record while the rows of a write are applied.
#[derive(Debug)]
struct Record {
    /// What it was made by.
    origin: Target,
    /// The row that it has its values from, unless it is as it was stored.
    row: Option<u64>,
    /// What it has for each key that is unique.
    unique: Vec<Key>,
}

/// Decides on every row of a write: applies one after the other to a copy of what is stored.
pub(super) fn resolve(table: &Table, rows: &[Row], on_conflict: OnConflict) -> Resolution {
    let mut resolution = Resolution::default();
    let mut records = Records::of(table);
    for (number, row) in (0..).zip(rows) {
        let own_id = key(&[ID], &row.values);
        let unique: Vec<Key> = records.fields.iter().map(|fields| key(fields, &row.values)).collect();
        let by_id = own_id.as_ref().and_then(|id| records.by_id.get(id)).copied();
        let holders: Vec<Option<usize>> =
            unique.iter().zip(&records.holders).map(|(key, holders)| holders.get(key.as_ref()?).copied()).collect();
        let by_value: BTreeSet<usize> = holders.iter().flatten().copied().collect();
        let is_several = on_conflict == OnConflict::Replace && !row.has_own_id && by_value.len() > 1;
        let target = match on_conflict {
            OnConflict::Replace if row.has_own_id => by_id,
            OnConflict::Replace if by_value.len() == 1 => by_value.first().copied(),
            _ => None,
        };
        let with = |record: usize| records.all[record].row.map_or(ConflictingKey::Stored, ConflictingKey::Row);
        let mut conflicts = Vec::new();
        if is_several {
            let last = holders.iter().rposition(Option::is_some).unwrap_or_default();
            conflicts.push((records.fields[last].clone(), ConflictingKey::SeveralRecords));
        } else {
            conflicts.extend(by_id.filter(|_| target.is_none()).map(|record| (vec![ID], with(record))));
            for (fields, holder) in records.fields.iter().zip(&holders) {
                conflicts.extend(holder.filter(|holder| Some(*holder) != target).map(|h| (fields.clone(), with(h))));
            }
        }
        if conflicts.is_empty() {
            records.apply(number, own_id, unique, target, &mut resolution);
        } else if on_conflict == OnConflict::Ignore {
            resolution.ignored.insert(number);
        } else {
            resolution.refused.insert(number);
            let conflicts = conflicts.into_iter().map(|(fields, with)| KeyConflict { row: number, fields, with });
            resolution.conflicts.extend(conflicts);
        }
    }
    resolution
}

const ID: Field = Field::System(SystemField::Id);

/// What is stored and what the rows of a write made of it so far.
#[derive(Debug)]
struct Records {
    /// The keys that are unique, without the id.
    fields: Vec<Vec<Field>>,
    all: Vec<Record>,
    by_id: HashMap<Vec<String>, usize>,
    /// For each key who has which values.
    holders: Vec<HashMap<Vec<String>, usize>>,
}

impl Records {
    fn of(table: &Table) -> Self {
        let fields: Vec<Vec<Field>> = unique_keys(&table.schema).skip(1).collect();
        let holders = vec![HashMap::new(); fields.len()];
        let mut records = Self { fields, all: Vec::new(), by_id: HashMap::new(), holders };
        for (place, record) in table.records.iter().enumerate() {
            let unique = records.fields.iter().map(|fields| key(fields, &record.values)).collect();
            let record_made = Record { origin: Target::Stored(place), row: None, unique };
            records.insert(key(&[ID], &record.values), record_made);
        }
        records
    }

    fn insert(&mut self, id: Key, record: Record) {
        let place = self.all.len();
        self.by_id.extend(id.map(|id| (id, place)));
        for (holders, key) in self.holders.iter_mut().zip(&record.unique) {
            holders.extend(key.clone().map(|key| (key, place)));
        }
        self.all.push(record);
    }

    /// Stores a row as a new record or in the place of another.
    fn apply(&mut self, row: u64, id: Key, unique: Vec<Key>, target: Option<usize>, resolution: &mut Resolution) {
        let Some(target) = target else {
            return self.insert(id, Record { origin: Target::Row(row), row: Some(row), unique });
        };
        let record = &mut self.all[target];
        for ((holders, old), new) in self.holders.iter_mut().zip(&record.unique).zip(&unique) {
            if let Some(old) = old {
                holders.remove(old);
            }
            holders.extend(new.clone().map(|new| (new, target)));
        }
        record.unique = unique;
        if let Some(earlier) = record.row.replace(row) {
            resolution.targets.remove(&earlier);
            resolution.ignored.insert(earlier);
        }
        resolution.targets.insert(row, record.origin);
    }
}

/// The id, the unique properties, and the keys of several.
pub(super) fn unique_keys(schema: &Schema) -> impl Iterator<Item = Vec<Field>> {
    let unique = schema.indexes().into_iter().filter(|index| index.is_unique);
    std::iter::once(vec![Field::System(SystemField::Id)]).chain(unique.map(|index| index.fields))
}

/// Of the records from a number on, how many share a key with one before them that they should not.
pub(super) fn shared_keys(table: &Table, first: i64) -> Vec<SharedKey> {
    let shared = table.schema.soft_unique_keys().into_iter().map(|fields| {
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

//! Which indexes a schema has in the tree, and how far each of them goes.
//!
//! What is noted here is right for the file that it names. Of another file, or of a file that has been put back to an earlier
//! state, everything is made anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use eider_domain::{Field, RECORD_FIELD_COUNT, Schema};
use serde::{Deserialize, Serialize};

use super::key::{self, KeyRange};
use super::tree::Tree;

/// The number under which the notes stand. No index has it.
const NOTES: u32 = 0;
/// Behind it: the indexes of a schema, how far an index goes, the greatest number, and the numbers of indexes that have gone.
const SCHEMA: u8 = 1;
const COVERED: u8 = 2;
const GREATEST: u8 = 3;
const GONE: u8 = 4;

/// Entries that are removed at once.
const REMOVED_AT_ONCE: usize = 10_000;

/// An index, and how far it goes.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) number: u32,
    /// What it is on; of ids nothing.
    pub(crate) fields: Vec<Field>,
    pub(crate) is_unique: bool,
    /// It has every record below this place.
    covered: Arc<AtomicI64>,
}

impl Index {
    /// It has every record below this place.
    pub(crate) fn covered(&self) -> i64 {
        self.covered.load(Ordering::Acquire)
    }

    /// Takes note that it has every record below a place, which the tree knows already.
    pub(crate) fn advance(&self, next: i64) {
        self.covered.store(next, Ordering::Release);
    }

    /// What tells the tree the same.
    pub(crate) fn mark(&self, next: i64) -> (Vec<u8>, Vec<u8>) {
        (note(COVERED, &self.number.to_be_bytes()), next.to_be_bytes().to_vec())
    }
}

/// The note of a schema.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Noted {
    /// What tells the schema from every other, in this store and in others.
    schema: String,
    ids: u32,
    values: Vec<NotedValues>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NotedValues {
    number: u32,
    /// The ids of the properties.
    properties: Vec<u64>,
    /// Their types: values of others have other bytes.
    types: Vec<String>,
}

impl NotedValues {
    fn of(schema: &Schema, fields: &[Field]) -> Self {
        let id = |field: &Field| schema.property_ids()[field.column() - RECORD_FIELD_COUNT];
        Self {
            number: 0,
            properties: fields.iter().map(id).collect(),
            types: fields.iter().map(|field| field.data_type().to_string()).collect(),
        }
    }

    fn is_on(&self, other: &Self) -> bool {
        self.properties == other.properties && self.types == other.types
    }
}

/// The indexes of a version of a schema: the one of ids, and those that it asks for. Those that it had before are kept, others
/// begin with nothing, and those that it does not ask for any more go. `next` is the first place that its table has not
/// taken, and `known` has those that are in use.
pub(crate) fn indexes_of(tree: &Tree, schema: &Schema, next: i64, known: &[Index]) -> Option<(Index, Vec<Index>)> {
    let _one_at_a_time = tree.lock_notes();
    let key = note(SCHEMA, schema.name().key().as_bytes());
    let noted = tree.get(&key).ok()?;
    let before = noted.and_then(|noted| serde_json::from_slice::<Noted>(&noted).ok());
    let identity = schema.identity();
    let mut gone = Vec::new();
    let mut had = Vec::new();
    let mut had_ids = None;
    if let Some(noted) = &before {
        let covered = |number: u32| covered_of(tree, number).unwrap_or(0);
        let is_of_file = noted.schema == identity;
        let is_behind =
            noted.values.iter().map(|values| values.number).chain([noted.ids]).all(|number| covered(number) <= next);
        if is_of_file && is_behind {
            had_ids = Some(noted.ids);
            had.clone_from(&noted.values);
        } else {
            gone.push(noted.ids);
            gone.extend(noted.values.iter().map(|values| values.number));
        }
    }
    let mut greatest = tree.get(&note(GREATEST, &[])).ok()?.map_or(NOTES, |number| number_of(&number));
    let mut new_number = || {
        greatest += 1;
        greatest
    };
    let ids = had_ids.unwrap_or_else(&mut new_number);
    let mut values = Vec::new();
    let mut indexes = Vec::new();
    for index in schema.indexes() {
        let mut wanted = NotedValues::of(schema, &index.fields);
        let found = had.iter().position(|had| had.is_on(&wanted));
        wanted.number = found.map_or_else(&mut new_number, |found| had.swap_remove(found).number);
        indexes.push(index_of(tree, wanted.number, index.fields, index.is_unique, known)?);
        values.push(wanted);
    }
    gone.extend(had.iter().map(|had| had.number));
    let is_noted =
        gone.is_empty() && before.as_ref().is_some_and(|before| before.ids == ids && before.values == values);
    if is_noted {
        return Some((index_of(tree, ids, Vec::new(), true, known)?, indexes));
    }
    let noted = Noted { schema: identity, ids, values };
    let note_of_schema = (key, serde_json::to_vec(&noted).ok()?);
    let mut changed = vec![note_of_schema, (note(GREATEST, &[]), greatest.to_be_bytes().to_vec())];
    changed.extend(gone.iter().map(|number| (note(GONE, &number.to_be_bytes()), Vec::new())));
    tree.add(std::iter::empty(), &changed)?;
    // A note that was lost could be taken for one of this version by a later one.
    tree.sync();
    Some((index_of(tree, ids, Vec::new(), true, known)?, indexes))
}

/// The indexes of a schema that are noted, that of ids first; none when they are to be made anew.
pub(crate) fn noted(tree: &Tree, schema: &Schema, next: i64) -> Vec<Index> {
    let noted = tree.get(&note(SCHEMA, schema.name().key().as_bytes())).ok().flatten();
    let Some(noted) = noted.and_then(|noted| serde_json::from_slice::<Noted>(&noted).ok()) else { return Vec::new() };
    if noted.schema != schema.identity() {
        return Vec::new();
    }
    let of_values = schema.indexes().into_iter().filter_map(|index| {
        let wanted = NotedValues::of(schema, &index.fields);
        let number = noted.values.iter().find(|had| had.is_on(&wanted))?.number;
        index_of(tree, number, index.fields, index.is_unique, &[])
    });
    let ids = index_of(tree, noted.ids, Vec::new(), true, &[]);
    ids.into_iter().chain(of_values).filter(|index| index.covered() <= next).collect()
}

fn index_of(tree: &Tree, number: u32, fields: Vec<Field>, is_unique: bool, known: &[Index]) -> Option<Index> {
    let covered = match known.iter().find(|known| known.number == number) {
        Some(known) => Arc::clone(&known.covered),
        None => Arc::new(AtomicI64::new(covered_of(tree, number)?)),
    };
    Some(Index { number, fields, is_unique, covered })
}

/// Forgets the indexes of a schema that was removed.
pub(crate) fn forget(tree: &Tree, schema: &Schema, indexes: &[Index]) {
    let gone: Vec<_> = indexes.iter().map(|index| (note(GONE, &index.number.to_be_bytes()), Vec::new())).collect();
    tree.add(std::iter::empty(), &gone);
    tree.remove(&[note(SCHEMA, schema.name().key().as_bytes())]);
}

/// Removes some of the entries of indexes that have gone; `false` when there are no more.
pub(crate) fn clean(tree: &Tree) -> bool {
    let mut gone = Vec::new();
    tree.visit(&KeyRange::beginning(note(GONE, &[])), |key, _| {
        gone.push(key.to_vec());
        true
    });
    let Some(note_of_gone) = gone.first() else { return false };
    let number = number_of(&note_of_gone[note_of_gone.len() - size_of::<u32>()..]);
    let mut removed = Vec::new();
    tree.visit(&KeyRange::beginning(key::prefix(number).to_vec()), |key, _| {
        removed.push(key.to_vec());
        removed.len() < REMOVED_AT_ONCE
    });
    if removed.is_empty() {
        removed.extend([note(COVERED, &number.to_be_bytes()), note_of_gone.clone()]);
    }
    tree.remove(&removed);
    tree.is_usable()
}

/// How far an index goes, as the tree knows it; nowhere when it does not.
fn covered_of(tree: &Tree, number: u32) -> Option<i64> {
    Some(tree.get(&note(COVERED, &number.to_be_bytes())).ok()?.map_or(1, |covered| key::place(&covered)))
}

fn note(kind: u8, about: &[u8]) -> Vec<u8> {
    [&key::prefix(NOTES)[..], &[kind], about].concat()
}

fn number_of(bytes: &[u8]) -> u32 {
    bytes.last_chunk().map_or(NOTES, |number| u32::from_be_bytes(*number))
}

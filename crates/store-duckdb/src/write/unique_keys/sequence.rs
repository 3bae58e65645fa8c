//! Rows that share keys, applied one after the other.
//!
//! It knows no values: a key value is a number, the same for equal values, and so is a record. All numbers begin at 0.

use eider_application::ports::{ConflictingKey, OnConflict};

/// No record.
const NOBODY: u32 = u32::MAX;

/// The value of a row for one key that is not null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// The index of the key; that of the id is 0 where the id is one of the keys.
    pub(super) key: usize,
    /// The number of the value among those of the key.
    pub(super) value: u32,
    /// The number of the stored record that had the value before the first row, if one had.
    pub(super) record: Option<u32>,
}

/// What a row does to what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is refused or passed over, for these keys.
    Conflict(Vec<(usize, ConflictingKey)>),
    /// It is stored as a new record.
    Create,
    /// It replaces a record.
    Replace {
        /// Which.
        target: Replaced,
        /// The row that had replaced or made the same record before it, and is now passed over.
        superseded: Option<u64>,
    },
}

/// A record that a row replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaced {
    /// The stored record of a number.
    Stored(u32),
    /// The record that a row of the same write made.
    MadeBy(u64),
}

/// A record that a row has made or may replace.
#[derive(Debug)]
struct Record {
    origin: Replaced,
    /// The row that it has its values from, unless it is as it was stored.
    row: Option<u64>,
}

/// Who has which value, while rows are applied in their order.
///
/// Memory is some 30 bytes a row or record and 8 bytes a value.
#[derive(Debug)]
pub(super) struct Sequence {
    on_conflict: OnConflict,
    /// The key of the id, if it is one of the keys.
    id: Option<usize>,
    keys: usize,
    /// For each key, by value, who has it.
    holders: Vec<Vec<u32>>,
    records: Vec<Record>,
    /// The values of each record, `keys` of them.
    values: Vec<u32>,
}

impl Sequence {
    /// Nothing applied yet, with as many stored records. What they have is learnt from the rows that have it too.
    pub(super) fn new(on_conflict: OnConflict, id: Option<usize>, keys: usize, stored: u32) -> Self {
        let records = (0..stored).map(|number| Record { origin: Replaced::Stored(number), row: None }).collect();
        let values = vec![NOBODY; keys * stored as usize];
        Self { on_conflict, id, keys, holders: vec![Vec::new(); keys], records, values }
    }

    /// Applies the next row.
    pub(super) fn apply(&mut self, row: u64, has_own_id: bool, cells: &[Cell]) -> Effect {
        let is_id = |cell: &Cell| Some(cell.key) == self.id;
        // A stored record that no row has replaced has what it had; its id it keeps.
        let still_has = |cell: &Cell, record: u32| is_id(cell) || self.records[record as usize].row.is_none();
        let holder = |cell: &Cell| {
            let claimed = self.holders[cell.key].get(cell.value as usize).copied().filter(|holder| *holder != NOBODY);
            claimed.or_else(|| cell.record.filter(|record| still_has(cell, *record)))
        };
        let by_id = cells.iter().find(|cell| is_id(cell)).and_then(holder);
        let mut by_value = cells.iter().filter(|cell| !is_id(cell)).filter_map(holder);
        let target = if self.on_conflict != OnConflict::Replace {
            None
        } else if has_own_id {
            by_id
        } else {
            let first = by_value.next();
            if by_value.any(|other| Some(other) != first) {
                let last = cells.iter().rfind(|cell| holder(cell).is_some());
                let key = last.map_or(0, |cell| cell.key);
                return Effect::Conflict(vec![(key, ConflictingKey::SeveralRecords)]);
            }
            first
        };
        let with = |record: u32| self.records[record as usize].row.map_or(ConflictingKey::Stored, ConflictingKey::Row);
        let others = cells.iter().filter_map(|cell| Some((cell.key, holder(cell).filter(|h| Some(*h) != target)?)));
        let conflicts: Vec<(usize, ConflictingKey)> = others.map(|(key, holder)| (key, with(holder))).collect();
        if !conflicts.is_empty() {
            return Effect::Conflict(conflicts);
        }
        let (record, effect) = if let Some(target) = target {
            self.give_up_values(target);
            let record = &mut self.records[target as usize];
            (target, Effect::Replace { target: record.origin, superseded: record.row.replace(row) })
        } else {
            let record = u32::try_from(self.records.len()).unwrap_or(NOBODY);
            self.records.push(Record { origin: Replaced::MadeBy(row), row: Some(row) });
            self.values.extend(std::iter::repeat_n(NOBODY, self.keys));
            (record, Effect::Create)
        };
        for cell in cells {
            self.claim(record, cell.key, cell.value);
        }
        effect
    }

    fn claim(&mut self, record: u32, key: usize, value: u32) {
        let holders = &mut self.holders[key];
        if holders.len() <= value as usize {
            holders.resize(value as usize + 1, NOBODY);
        }
        holders[value as usize] = record;
        self.values[record as usize * self.keys + key] = value;
    }

    /// Frees what a record has, but its id.
    fn give_up_values(&mut self, record: u32) {
        for key in (0..self.keys).filter(|key| Some(*key) != self.id) {
            let value = std::mem::replace(&mut self.values[record as usize * self.keys + key], NOBODY);
            if value != NOBODY {
                self.holders[key][value as usize] = NOBODY;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: usize = 0;
    const UNIQUE: usize = 1;

    /// The stored record 0 has the id 0 and the unique value 0.
    fn cell(key: usize, value: u32) -> Cell {
        Cell { key, value, record: (value == 0).then_some(0) }
    }

    /// Two keys, the id and a unique value, and one stored record.
    fn sequence(on_conflict: OnConflict) -> Sequence {
        Sequence::new(on_conflict, Some(ID), 2, 1)
    }

    #[test]
    fn a_value_that_is_given_up_can_be_taken() {
        let mut sequence = sequence(OnConflict::Replace);
        let moved = sequence.apply(0, true, &[cell(ID, 0), cell(UNIQUE, 3)]);
        assert_eq!(moved, Effect::Replace { target: Replaced::Stored(0), superseded: None });
        assert_eq!(sequence.apply(1, true, &[cell(ID, 1), cell(UNIQUE, 0)]), Effect::Create);
        let again = sequence.apply(2, false, &[cell(UNIQUE, 0)]);
        assert_eq!(again, Effect::Replace { target: Replaced::MadeBy(1), superseded: Some(1) });
    }

    #[test]
    fn a_row_with_an_id_of_its_own_is_not_stored_under_another() {
        let mut sequence = sequence(OnConflict::Replace);
        let taken = sequence.apply(0, true, &[cell(ID, 1), cell(UNIQUE, 0)]);
        assert_eq!(taken, Effect::Conflict(vec![(UNIQUE, ConflictingKey::Stored)]));
        assert_eq!(sequence.apply(1, true, &[cell(ID, 1), cell(UNIQUE, 1)]), Effect::Create);
    }

    #[test]
    fn a_refused_row_claims_nothing() {
        for on_conflict in [OnConflict::Error, OnConflict::Ignore] {
            let mut sequence = sequence(on_conflict);
            let refused = sequence.apply(0, true, &[cell(ID, 0), cell(UNIQUE, 1)]);
            assert_eq!(refused, Effect::Conflict(vec![(ID, ConflictingKey::Stored)]));
            assert_eq!(sequence.apply(1, true, &[cell(ID, 2), cell(UNIQUE, 1)]), Effect::Create);
            let second = sequence.apply(2, true, &[cell(ID, 2), cell(UNIQUE, 1)]);
            assert_eq!(second, Effect::Conflict(vec![(ID, ConflictingKey::Row(1)), (UNIQUE, ConflictingKey::Row(1))]));
        }
    }
}

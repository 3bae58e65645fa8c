//! The entries of records, sorted.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use eider_application::ports::Column;
use eider_domain::ValueRef;

use super::key;

/// Entries that are gathered in one piece of memory.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// The first bytes of its key, which tell most keys apart.
    head: u128,
    from: usize,
    key: u32,
    value: u32,
}

impl Span {
    fn key(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.from..self.from + self.key as usize]
    }

    fn value(self, bytes: &[u8]) -> &[u8] {
        let from = self.from + self.key as usize;
        &bytes[from..from + self.value as usize]
    }
}

impl Entries {
    /// Adds an entry for each id, which leads to its place.
    pub(crate) fn add_ids(&mut self, number: u32, ids: &dyn Array, places: &[i64]) {
        let ids = ids.as_fixed_size_binary();
        self.reserve(places.len(), 2 * size_of::<u32>() + 24);
        for (row, place) in places.iter().enumerate() {
            self.push(|bytes| key::push_id(bytes, number, ids.value(row)));
            self.push_value(&place.to_be_bytes());
        }
    }

    /// Adds an entry for the values of each row, which ends with its place. Where several values make one and some are not
    /// there, there is none.
    pub(crate) fn add_values(&mut self, number: u32, columns: &[Column<'_>], places: &[i64]) {
        self.reserve(places.len(), size_of::<u32>() + columns.len() * 9 + size_of::<i64>());
        for (row, place) in places.iter().enumerate() {
            if columns.len() > 1 && columns.iter().any(|column| matches!(column.value(row), ValueRef::Null)) {
                continue;
            }
            let mut is_whole = true;
            self.push(|bytes| {
                bytes.extend(key::prefix(number));
                for column in columns {
                    is_whole &= key::push_value(bytes, &column.value(row));
                }
                key::push_place(bytes, *place);
            });
            if !is_whole {
                self.push_value(CUT);
            }
        }
    }

    /// The entries in the order of their keys. Of those that have the same key, the last.
    pub(crate) fn sorted(&mut self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        let bytes = &self.bytes;
        self.spans.sort_unstable_by(|one, other| {
            let by_key = || one.key(bytes).cmp(other.key(bytes));
            one.head.cmp(&other.head).then_with(by_key).then(one.from.cmp(&other.from))
        });
        // Of the same key the last comes last, and takes the place of those before.
        self.spans.dedup_by(|next, kept| {
            let is_same = next.head == kept.head && next.key(bytes) == kept.key(bytes);
            if is_same {
                *kept = *next;
            }
            is_same
        });
        self.spans.iter().map(|span| (span.key(bytes), span.value(bytes)))
    }

    fn reserve(&mut self, entries: usize, bytes: usize) {
        self.spans.reserve(entries);
        self.bytes.reserve(entries * bytes);
    }

    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.bytes.len();
        write(&mut self.bytes);
        let key = &self.bytes[from..];
        let mut head = [0; size_of::<u128>()];
        let known = key.len().min(head.len());
        head[..known].copy_from_slice(&key[..known]);
        let key = u32::try_from(key.len()).unwrap_or(u32::MAX);
        self.spans.push(Span { head: u128::from_be_bytes(head), from, key, value: 0 });
    }

    fn push_value(&mut self, value: &[u8]) {
        self.bytes.extend(value);
        if let Some(last) = self.spans.last_mut() {
            last.value = u32::try_from(value.len()).unwrap_or(0);
        }
    }
}

/// The value of an entry whose key has a value that was cut.
pub(crate) const CUT: &[u8] = &[1];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow_array::{FixedSizeBinaryArray, Int64Array};
    use eider_domain::DataType;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_come_in_the_order_of_their_keys_and_the_last_of_an_id_counts(
            rows in prop::collection::vec((0_u128..20, prop::option::of(-3_i64..3)), 0..60),
        ) {
            let ids: Vec<[u8; 16]> = rows.iter().map(|(id, _)| id.to_be_bytes()).collect();
            let ids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(ids.iter().map(Some), 16).unwrap();
            let values: Int64Array = rows.iter().map(|(_, value)| *value).collect();
            let places: Vec<i64> = (1..).take(rows.len()).collect();
            let mut entries = Entries::default();
            entries.add_values(9, &[Column::of(&values, DataType::Integer)], &places);
            entries.add_ids(2, &ids, &places);
            let found: Vec<(Vec<u8>, Vec<u8>)> =
                entries.sorted().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            let mut expected = BTreeMap::new();
            for ((id, value), place) in rows.iter().zip(&places) {
                let mut of_id = Vec::new();
                key::push_id(&mut of_id, 2, &id.to_be_bytes());
                expected.insert(of_id, place.to_be_bytes().to_vec());
                let mut of_value = key::prefix(9).to_vec();
                key::push_value(&mut of_value, &value.map_or(ValueRef::Null, ValueRef::Integer));
                key::push_place(&mut of_value, *place);
                expected.insert(of_value, Vec::new());
            }
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }
}

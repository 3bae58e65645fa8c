//! Whether unique values of changes are taken, without a query: by what is pending, and by what the indexes lead to.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_application::ports::{Change, ChangeOutcome, Column, ConflictingKey, KeyConflict, StoreError};
use eider_application::runtime::blocking;
use eider_domain::ValueRef;
use eider_engine_duckdb::columns::ids_of;
use eider_engine_duckdb::connection::worker;
use uuid::Uuid;

use crate::index::catalog::Index;
use crate::index::key::{self, KeyRange};
use crate::read::fetch::fetch;
use crate::table::pending::Found;
use crate::table::seeking::Contents;
use crate::table::{Shared, WriteLock};
use crate::write::changes::id_of;

/// Records that one value leads to at most. More than one only where values were cut.
const MOST_HOLDERS: usize = 64;
/// Entries of one value that are looked at. There are more than records where one was replaced again and again.
const MOST_LOOKED_AT: usize = 10_000;

/// What unique values of the changes of a group came to.
#[derive(Debug)]
pub(crate) struct Claims {
    /// For each change why it is refused, if it is.
    pub(crate) refusals: Vec<Option<ChangeOutcome>>,
    /// The keys of the others, each with its record.
    pub(crate) keys: Vec<(Vec<u8>, Uuid)>,
}

/// Looks which of the changes that are not refused claim a value that another record has, or that one before them claims.
/// `None` when only the table can tell. A value that a change of the group gives up is free for the next group.
///
/// # Errors
/// Whatever the engine fails with, where records have to be read to know whose a value is.
pub(crate) async fn claims(
    shared: &Arc<Shared>,
    changes: &[Change],
    mut refusals: Vec<Option<ChangeOutcome>>,
    lock: &WriteLock,
) -> Result<Option<Claims>, StoreError> {
    let table = lock.table();
    let Some(unique) = table.contents.indexes.unique(table.contents.places.next()) else { return Ok(None) };
    let unique: Vec<Index> = unique.into_iter().cloned().collect();
    let mut keys = Vec::new();
    if unique.is_empty() {
        return Ok(Some(Claims { refusals, keys }));
    }
    let wanted: Vec<Vec<Option<Key>>> = changes
        .iter()
        .zip(&refusals)
        .map(|(change, refusal)| match change {
            Change::Create { record, .. } | Change::Replace { record, .. } if refusal.is_none() => {
                unique.iter().map(|index| Key::of(index, record)).collect()
            }
            _ => Vec::new(),
        })
        .collect();
    let all: Vec<Key> = wanted.iter().flatten().flatten().cloned().collect();
    let Some(holders) = holders(shared, lock, all).await? else { return Ok(None) };
    let mut claimed: HashMap<&[u8], Uuid> = HashMap::new();
    for ((change, refusal), wanted) in changes.iter().zip(&mut refusals).zip(&wanted) {
        let id = id_of(change);
        let is_taken = |key: &Key| {
            let holder = holders.get(&key.bytes).copied();
            holder.is_some_and(|holder| holder != id) || claimed.contains_key(key.bytes.as_slice())
        };
        let taken: Vec<KeyConflict> = unique
            .iter()
            .zip(wanted)
            .filter(|(_, key)| key.as_ref().is_some_and(&is_taken))
            .map(|(index, _)| KeyConflict { row: 0, fields: index.fields.clone(), with: ConflictingKey::Stored })
            .collect();
        if !taken.is_empty() {
            *refusal = Some(ChangeOutcome::Conflict(taken));
            continue;
        }
        for key in wanted.iter().flatten() {
            claimed.insert(&key.bytes, id);
            keys.push((key.bytes.clone(), id));
        }
    }
    Ok(Some(Claims { refusals, keys }))
}

/// The records that have some keys, of those keys that a record has. `None` when only the table can tell.
async fn holders(
    shared: &Arc<Shared>,
    lock: &WriteLock,
    keys: Vec<Key>,
) -> Result<Option<HashMap<Vec<u8>, Uuid>>, StoreError> {
    let table = lock.table();
    let contents = Arc::clone(&table.contents);
    // It reads files.
    let Some(looked) = blocking::run(move || look(&contents, keys)).await? else { return Ok(None) };
    let Looked { mut holders, candidates } = looked;
    let (mut kept, mut missing) = (HashMap::new(), Vec::new());
    for (_, place) in &candidates {
        match table.contents.records.get(*place) {
            Some(record) => {
                kept.insert(*place, record);
            }
            None => missing.push(*place),
        }
    }
    if !missing.is_empty() {
        let (contents, relation) = (Arc::clone(&table.contents), Arc::clone(&table.relation));
        let fetched = worker::write(&shared.pool, move |connection| {
            fetch(connection, &relation, &contents.records, &missing, contents.places.next())
        });
        kept.extend(fetched.await?);
    }
    let Contents { pending, places, records, .. } = &*table.contents;
    for (key, place) in candidates {
        // A record may hold several of the keys.
        let Some(kept) = kept.get(&place) else { continue };
        let record = records.batch(&[kept])?;
        let Some(id) = ids_of(&record).next().filter(|_| key.is_of(&record)) else { continue };
        // One that was replaced or deleted since has its values among what is pending, or none.
        let is_as_stored = matches!(pending.find(id), Found::Elsewhere);
        if is_as_stored && places.view().is_none_or(|view| view.holds(place)) {
            holders.insert(key.bytes, id);
        }
    }
    Ok(Some(holders))
}

/// What is found of keys without the table.
struct Looked {
    /// The records that have them.
    holders: HashMap<Vec<u8>, Uuid>,
    /// Places of records that may.
    candidates: Vec<(Key, i64)>,
}

/// Looks for keys among what is pending, and then in the indexes: on its way into the table a record is in one of them.
fn look(contents: &Contents, keys: Vec<Key>) -> Option<Looked> {
    let mut looked = Looked { holders: HashMap::new(), candidates: Vec::new() };
    for key in keys {
        if let Some(id) = contents.pending.holder(&key.bytes) {
            looked.holders.insert(key.bytes, id);
            continue;
        }
        let view = contents.places.view().or_else(|| {
            contents.indexes.tell();
            None
        })?;
        let (mut places, mut looked_at) = (Vec::new(), 0);
        let range = KeyRange::beginning(key.bytes[..key.indexed].to_vec());
        contents.indexes.tree.visit(&range, |found, _| {
            let place = key::place(found);
            if view.holds(place) {
                places.push(place);
            }
            looked_at += 1;
            places.len() < MOST_HOLDERS && looked_at < MOST_LOOKED_AT
        })?;
        if places.len() == MOST_HOLDERS || looked_at == MOST_LOOKED_AT {
            return None;
        }
        looked.candidates.extend(places.into_iter().map(|place| (key.clone(), place)));
    }
    Some(looked)
}

/// The values of a unique key that a record has.
#[derive(Debug, Clone)]
struct Key {
    /// Those of the key in the index, without a place. Of a text that was cut, with the whole of it behind.
    bytes: Vec<u8>,
    /// How much of them the index has.
    indexed: usize,
    index: Index,
}

impl Key {
    /// `None` when a value is not there: nothing is like it.
    fn of(index: &Index, record: &RecordBatch) -> Option<Self> {
        let mut bytes = key::prefix(index.number).to_vec();
        let mut is_whole = true;
        let mut rest = Vec::new();
        for field in &index.fields {
            let column = Column::of(record.column(field.column()), field.data_type());
            let value = column.value(0);
            if matches!(value, ValueRef::Null) {
                return None;
            }
            is_whole &= key::push_value(&mut bytes, &value);
            if let ValueRef::Text(text) = &value {
                rest.extend(text.len().to_be_bytes());
                rest.extend(text.as_bytes());
            }
        }
        let indexed = bytes.len();
        if !is_whole {
            bytes.extend(rest);
        }
        Some(Self { bytes, indexed, index: index.clone() })
    }

    /// Whether a record has the same values, which the index may have cut.
    fn is_of(&self, record: &RecordBatch) -> bool {
        Self::of(&self.index, record).is_some_and(|key| key.bytes == self.bytes)
    }
}

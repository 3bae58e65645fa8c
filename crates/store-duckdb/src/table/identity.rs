//! Which ids are certainly not stored.
//!
//! The id column has no index, so looking up an id that does not grow with time reads all of it. A Bloom filter over
//! the stored ids spares that: what it does not know is not in the table. It is read from the table once an id of a
//! client has to be checked, told every id before its commit, and belongs to the write lock of its schema. An id that was
//! deleted, or whose commit failed, stays in it, which costs a look at the table and nothing else.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use eider_application::ports::StoreError;
use eider_domain::{Field, Schema, SystemField};
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::ident;
use fastbloom::BloomFilter;
use tokio::sync::mpsc;

use crate::file::names;

/// Bits for each id: one in 16,000 ids that are not stored is taken for one that may be.
const BITS_PER_ID: usize = 20;
/// Ids that a layer has room for at least.
const MIN_CAPACITY: usize = 65_536;
/// Rows that are read while the writer waits, which takes some 50 ms; more are read beside it.
const READ_AT_ONCE: u64 = 100_000;

/// What a filter has taken and done, for operators and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdFilterStatus {
    /// Bytes that it takes; 0 while there is none.
    pub bytes: u64,
    /// Ids that were looked up in the table because no filter ruled them out, for changes of single records.
    pub lookups: u64,
    /// Whether the filter would have been too large: every id of a client is looked up.
    pub is_given_up: bool,
}

/// The counters of a filter, readable without the write lock of its schema.
#[derive(Debug, Default)]
pub(crate) struct IdFilterGauge {
    bytes: AtomicU64,
    lookups: AtomicU64,
    is_given_up: AtomicBool,
}

impl IdFilterGauge {
    pub(crate) fn status(&self) -> IdFilterStatus {
        IdFilterStatus {
            bytes: self.bytes.load(Ordering::Relaxed),
            lookups: self.lookups.load(Ordering::Relaxed),
            is_given_up: self.is_given_up.load(Ordering::Relaxed),
        }
    }
}

/// A Bloom filter over ids that grows by layers, each as large as all before it (Almeida et al., "Scalable Bloom
/// Filters", 2007). Its hashes are keyed, so that nobody can choose ids that look alike to it.
#[derive(Debug)]
pub(crate) struct IdFilter {
    keyed: RandomState,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    bits: BloomFilter<RandomState>,
    /// Ids that may still be added before another layer is needed.
    room: usize,
    capacity: usize,
}

/// An id as a filter sees it, and filters made from it by [`IdFilter::sibling`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdHash(u64);

impl IdFilter {
    /// An empty filter with room for so many ids.
    pub(crate) fn new(ids: usize) -> Self {
        Self { keyed: RandomState::new(), layers: Vec::new() }.sibling(ids)
    }

    /// An empty filter with room for so many ids that takes the same hashes.
    pub(crate) fn sibling(&self, ids: usize) -> Self {
        let keyed = self.keyed.clone();
        let layers = vec![Layer::new(ids.max(MIN_CAPACITY), keyed.clone())];
        Self { keyed, layers }
    }

    /// The hash of an id's 16 bytes.
    pub(crate) fn hash(&self, id: &[u8]) -> IdHash {
        IdHash(self.keyed.hash_one(id))
    }

    /// Whether the id may have been added; `false` is certain.
    pub(crate) fn may_contain(&self, id: IdHash) -> bool {
        self.layers.iter().any(|layer| layer.bits.contains_hash(id.0))
    }

    /// Adds an id, and says whether it may have been there before; `false` is certain.
    pub(crate) fn insert(&mut self, id: IdHash) -> bool {
        if self.may_contain(id) {
            return true;
        }
        if self.layers.last().is_none_or(|last| last.room == 0) {
            let capacity = self.layers.iter().map(|layer| layer.capacity).sum::<usize>().max(MIN_CAPACITY);
            self.layers.push(Layer::new(capacity, self.keyed.clone()));
        }
        if let Some(last) = self.layers.last_mut() {
            last.bits.insert_hash(id.0);
            last.room -= 1;
        }
        false
    }

    /// Adds every id of another filter that takes the same hashes.
    fn absorb(&mut self, other: Self) {
        // The last layer has room, if any has.
        self.layers.splice(0..0, other.layers);
    }

    /// Bytes of all layers.
    pub(crate) fn bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.bits.num_bits() / 8).sum()
    }
}

impl Layer {
    fn new(capacity: usize, keyed: RandomState) -> Self {
        let bits = BloomFilter::with_num_bits(capacity.saturating_mul(BITS_PER_ID)).hasher(keyed);
        Self { bits: bits.expected_items(capacity), room: capacity, capacity }
    }
}

/// What is known of the ids of a schema's table. Part of the write lock.
#[derive(Debug)]
pub(crate) struct StoredIds {
    state: State,
    /// Bytes that the filter may take; a larger one is given up.
    most_bytes: usize,
    gauge: Arc<IdFilterGauge>,
    /// Asks the task in `write::id_filters` to read the table into a filter.
    reader: mpsc::Sender<IdFilter>,
}

#[derive(Debug)]
enum State {
    /// No id of a client had to be checked yet.
    Unread,
    /// The task in `write::id_filters` reads the table; what is stored since it was asked is here.
    Reading(IdFilter),
    /// The filter knows every id in the table.
    Read(IdFilter),
    /// The filter would be too large.
    GivenUp,
}

impl StoredIds {
    /// Nothing known yet, and the other end of the queue of the task in `write::id_filters`.
    pub(crate) fn new(most_bytes: usize, gauge: Arc<IdFilterGauge>) -> (Self, mpsc::Receiver<IdFilter>) {
        let (reader, wanted) = mpsc::channel(1);
        (Self { state: State::Unread, most_bytes, gauge, reader }, wanted)
    }

    /// Makes a filter, now or beside the caller, if there is none. `rows` is the most that the table may have.
    pub(crate) fn want(&mut self, connection: &Connection, schema: &Schema, rows: u64) -> Result<(), StoreError> {
        if !matches!(self.state, State::Unread) {
            return Ok(());
        }
        if rows <= READ_AT_ONCE {
            let filter = read(connection, schema, &IdFilter::new(0))?;
            self.set(State::Read(filter));
        } else {
            let since = IdFilter::new(0);
            if self.reader.try_send(since.sibling(0)).is_ok() {
                self.set(State::Reading(since));
            }
        }
        Ok(())
    }

    /// The filter, if there is one.
    pub(crate) fn filter(&self) -> Option<&IdFilter> {
        match &self.state {
            State::Read(filter) => Some(filter),
            State::Unread | State::Reading(_) | State::GivenUp => None,
        }
    }

    /// Whether no record of this id is stored; `false` says nothing.
    pub(crate) fn excludes(&self, id: &[u8]) -> bool {
        self.filter().is_some_and(|filter| !filter.may_contain(filter.hash(id)))
    }

    /// Takes note of the ids of records that are about to be stored; to be called before their commit.
    pub(crate) fn note(&mut self, records: &RecordBatch) {
        let (State::Reading(filter) | State::Read(filter)) = &mut self.state else { return };
        let before = filter.bytes();
        add_all(filter, records.column(SystemField::Id as usize));
        if filter.bytes() != before {
            let state = std::mem::replace(&mut self.state, State::Unread);
            self.set(state);
        }
    }

    /// Counts ids that are looked up in the table.
    pub(crate) fn count_lookups(&self, ids: usize) {
        self.gauge.lookups.fetch_add(ids as u64, Ordering::Relaxed);
    }

    /// Takes over the filter that the task in `write::id_filters` has read; without one it may be asked for again.
    pub(crate) fn complete(&mut self, read: Option<IdFilter>) {
        let state = match (std::mem::replace(&mut self.state, State::Unread), read) {
            (State::Reading(mut since), Some(read)) => {
                since.absorb(read);
                State::Read(since)
            }
            (State::Reading(_), None) => State::Unread,
            (other, _) => other,
        };
        self.set(state);
    }

    fn set(&mut self, state: State) {
        let bytes = match &state {
            State::Reading(filter) | State::Read(filter) => filter.bytes(),
            State::Unread | State::GivenUp => 0,
        };
        let is_too_large = bytes > self.most_bytes;
        self.state = if is_too_large { State::GivenUp } else { state };
        self.gauge.bytes.store(if is_too_large { 0 } else { bytes as u64 }, Ordering::Relaxed);
        self.gauge.is_given_up.store(matches!(self.state, State::GivenUp), Ordering::Relaxed);
    }
}

/// A filter of every id in a table, of the hashes of `empty`. The rows are streamed.
pub(crate) fn read(connection: &Connection, schema: &Schema, empty: &IdFilter) -> Result<IdFilter, StoreError> {
    let table = names::table(schema);
    let rows: i64 =
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).map_err(store_error)?;
    let mut filter = empty.sibling(usize::try_from(rows).unwrap_or(0));
    let column = ident::column(&Field::System(SystemField::Id));
    let mut statement = connection.prepare(&format!("SELECT {column} FROM {table}")).map_err(store_error)?;
    for batch in statement.stream_arrow([]).map_err(store_error)? {
        add_all(&mut filter, batch.map_err(store_error)?.column(0));
    }
    Ok(filter)
}

fn add_all(filter: &mut IdFilter, ids: &dyn Array) {
    let ids = ids.as_fixed_size_binary();
    for row in 0..ids.len() {
        filter.insert(filter.hash(ids.value(row)));
    }
}

#[cfg(test)]
mod tests;
